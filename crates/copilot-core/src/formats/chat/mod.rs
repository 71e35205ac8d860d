//! `OpenAI` chat completions, the dialect of most clients and Copilot's oldest leg (upstream.md 4, 10.1).

mod answer;
mod cache_marks;
mod custom_tools;
pub(crate) mod decode_answer;
pub(crate) mod decode_stream;
mod dropping;
mod effort;
mod encode_messages;
pub(crate) mod encode_request;
pub(crate) mod facts;
pub(crate) mod frames;
pub(crate) mod relay;
mod relay_reasoning;
pub(crate) mod relay_stream;
pub(crate) mod replay;
pub(crate) mod thinking;
pub(crate) mod verdict;
