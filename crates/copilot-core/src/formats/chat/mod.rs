//! `OpenAI` chat completions, the dialect of most clients and Copilot's oldest leg (upstream.md 4, 10.1).

mod encode_request;

pub use encode_request::encode_request;
