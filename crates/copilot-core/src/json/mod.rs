//! JSON as JavaScript reads and writes it.
//!
//! Not serde: a request is read as the predecessor's `JSON.parse` read it (lone surrogates, numbers beyond
//! every integer type, a member given twice), and token counts are made of text as `JSON.stringify` writes it
//! (compat.md 5.3), where names that are array indices come first.

mod number;
mod reader;
mod value;
mod writer;

pub use reader::{DEEPEST, ReadError, read};
pub use value::{Object, Value};
pub use writer::{as_text, compact, text_or_compact};
