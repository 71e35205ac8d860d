//! JSON as it was spelled: read strictly, moved without being rewritten (D-H17).
//!
//! Unlike [`crate::json`], which thinks in JavaScript's values, nothing is converted here: a [`Document`] is an
//! index over the text, numbers keep their digits, and a string stays the bytes between its quotation marks.
//! What is written anew is *canonical*: no white space, members in order, of a name given twice the last value
//! at the first place, and strings with only those escapes that JSON demands.

mod body;
mod document;
mod edit;
mod escape;
mod scan;
mod tree;

pub use body::{Body, Part};
pub use document::{DEEPEST, Document, Kind, Node, ReadError};
pub use edit::{Edits, Member, Piece, Written};
pub(crate) use escape::{code_points, unescape_json};
pub use escape::{escape, escape_json_text, trim_start, unescape};
pub use tree::{Members, Tree};
