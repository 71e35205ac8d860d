//! `OpenAI`'s completions of old, for clients that know nothing newer: the prompt becomes a user's message.

pub(crate) mod decode_request;
pub(crate) mod encode_answer;
pub(crate) mod encode_stream;
pub(crate) mod facts;
