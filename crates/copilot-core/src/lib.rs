//! The parts of copilot-api whose cost grows with bytes: no Python, no input or output.
//!
//! - [`tokenizer`] counts BPE tokens of text and of chat requests;
//! - [`json`] reads JSON as JavaScript does, and writes it so.

#![forbid(unsafe_code)]

pub mod json;
pub mod tokenizer;
