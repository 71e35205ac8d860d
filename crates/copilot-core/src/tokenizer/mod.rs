//! Counts BPE tokens: compat.md section 5, with D-H14, D-T27 and D-T28 cured.
//!
//! [`Encoding`] counts text: `split` cuts it into pieces by the classes of its characters, a piece that is a
//! token of the `vocabulary` counts one, any other is put together by `merge`; what was counted before is found
//! in `seen`. [`count_chat`] adds up a request, with `picture` for images.

mod chat;
mod classes;
mod encoding;
mod error;
mod hash;
mod merge;
mod picture;
mod seen;
mod split;
mod vocabulary;

pub use chat::{TokenCount, count_chat};
pub use encoding::Encoding;
pub use error::InvalidBody;
