//! Anthropic messages (upstream.md 6, 10.3; translation rules of compat.md 4).

mod answer;
mod cache_marks;
pub(crate) mod decode_answer;
pub(crate) mod decode_request;
pub(crate) mod decode_stream;
mod draft;
pub(crate) mod encode_answer;
mod encode_media;
pub(crate) mod encode_request;
pub(crate) mod encode_stream;
mod encode_turns;
pub(crate) mod facts;
mod frames;
mod mend;
mod mend_members;
mod mend_system;
mod mend_thinking;
mod mend_tools;
mod mend_turns;
pub(crate) mod relay;
pub(crate) mod relay_stream;
pub(crate) mod replay;
pub(crate) mod verdict;
