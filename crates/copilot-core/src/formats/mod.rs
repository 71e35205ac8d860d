//! One module a wire format; each reads and writes its requests, answers and streams.

pub mod chat;
pub mod messages;
