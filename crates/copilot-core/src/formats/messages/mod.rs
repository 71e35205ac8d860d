//! Anthropic messages (upstream.md 10.3; translation rules of compat.md 4).

mod answer;
pub(crate) mod decode_request;
pub(crate) mod encode_answer;
pub(crate) mod encode_stream;
pub(crate) mod facts;
