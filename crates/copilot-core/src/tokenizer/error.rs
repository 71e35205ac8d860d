//! What can be wrong with a body that is to be counted.

use crate::json;

/// The body is no chat request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// The bytes are not UTF-8.
    #[error("The body is not UTF-8")]
    NotUtf8,
    /// The text is not one JSON document, or nested too deeply.
    #[error("The body {0}")]
    Json(#[from] json::ReadError),
    /// The document is not an object.
    #[error("The body must be an object")]
    NotAnObject,
    /// `messages` is missing or not a list.
    #[error("must be a list")]
    MessagesNotAList,
    /// The message at this index is not an object.
    #[error("must be an object")]
    MessageNotAnObject(usize),
}

impl InvalidBody {
    /// Names the member that is wrong, as in `messages[3]`; empty for the body as a whole.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::NotUtf8 | Self::Json(_) | Self::NotAnObject => String::new(),
            Self::MessagesNotAList => "messages".to_owned(),
            Self::MessageNotAnObject(index) => format!("messages[{index}]"),
        }
    }
}
