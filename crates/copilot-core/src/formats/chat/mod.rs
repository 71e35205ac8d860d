//! `OpenAI` chat completions, the dialect of most clients and Copilot's oldest leg (upstream.md 4, 10.1).

mod answer;
mod cache_marks;
pub(crate) mod completion;
pub(crate) mod custom_tools;
pub(crate) mod decode_answer;
mod decode_messages;
pub(crate) mod decode_request;
pub(crate) mod decode_stream;
mod decode_tools;
mod dropping;
mod effort;
pub(crate) mod encode_answer;
mod encode_messages;
pub(crate) mod encode_request;
pub(crate) mod encode_stream;
pub(crate) mod facts;
pub(crate) mod frames;
mod opaque;
pub(crate) mod relay;
mod relay_reasoning;
pub(crate) mod relay_stream;
pub(crate) mod replay;
pub(crate) mod thinking;
pub(crate) mod verdict;
