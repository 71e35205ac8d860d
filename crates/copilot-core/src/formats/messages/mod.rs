//! Anthropic messages (upstream.md 10.3; translation rules of compat.md 4).

mod answer;
mod decode_request;
mod encode_answer;
pub(crate) mod encode_stream;

pub use decode_request::decode_request;
pub(crate) use encode_answer::encode_answer;
