//! Ollama's own API, `/api/chat` and `/api/generate`: a JSON object a line (upstream.md 10.5).

mod answer;
pub(crate) mod decode_request;
pub(crate) mod encode_answer;
pub(crate) mod encode_stream;
pub(crate) mod facts;
mod options;
