//! Anthropic messages (upstream.md 10.3; translation rules of compat.md 4).

mod decode_request;

pub use decode_request::decode_request;
