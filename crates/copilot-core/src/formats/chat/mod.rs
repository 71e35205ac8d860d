//! `OpenAI` chat completions, the dialect of most clients and Copilot's oldest leg (upstream.md 4, 10.1).

mod answer;
pub(crate) mod decode_stream;
mod encode_request;
pub(crate) mod frames;
pub(crate) mod relay_repairs;

pub(crate) use answer::normalise;
pub use encode_request::encode_request;
pub use frames::Usage;
