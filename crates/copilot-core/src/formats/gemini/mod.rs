//! Google's Generative Language API, a dialect only (upstream.md 10.4).

mod answer;
pub(crate) mod decode_request;
pub(crate) mod encode_answer;
pub(crate) mod encode_stream;
pub(crate) mod facts;
mod functions;
mod generation;
mod media;
mod members;
mod signatures;
mod turns;
