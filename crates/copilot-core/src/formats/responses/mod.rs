//! `OpenAI` responses (upstream.md 5, 10.2): what Codex and the newer SDKs speak, and Copilot's newest leg.

mod answer;
pub(crate) mod decode_answer;
pub(crate) mod decode_request;
pub(crate) mod decode_stream;
pub(crate) mod encode_answer;
pub(crate) mod encode_request;
pub(crate) mod encode_stream;
mod errors;
mod events;
pub(crate) mod facts;
mod frames;
mod input_items;
mod items;
mod limits;
pub(crate) mod relay;
mod relay_items;
mod relay_request;
pub(crate) mod relay_stream;
pub(crate) mod replay;
mod seals;
mod tools;
pub(crate) mod verdict;
