//! How a call can fail, and what a failure tells about the request.

use std::{error::Error, fmt::Write as _};

/// Why there is no answer, or no whole one. The texts name hosts and causes, and nothing of what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke before upstream can have read the request: safe to repeat.
    #[error("{0}")]
    ConnectFailed(String),
    /// No connection in time: safe to repeat.
    #[error("{0}")]
    ConnectTimeout(String),
    /// The request was sent and no header section came in time.
    #[error("{0}")]
    FirstByteTimeout(String),
    /// The connection ended after the request was sent and before its answer was whole.
    #[error("{0}")]
    ConnectionLost(String),
    /// Nothing came for too long while a body was read.
    #[error("{0}")]
    IdleTimeout(String),
    /// The body is over its limit.
    #[error("{0}")]
    TooLarge(String),
}

impl CallError {
    /// Whether the request may have reached the model, and so may have been billed.
    #[must_use]
    pub fn sent(&self) -> bool {
        !matches!(self, Self::ConnectFailed(_) | Self::ConnectTimeout(_))
    }
}

/// How far a request got before its connection failed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not a byte of it went out.
    Unsent,
    /// Upstream said that it did not look at it, or had closed the connection while it was idle.
    Refused,
    /// It may have been processed.
    Lost,
}

/// A connection that failed while it waited for a header section.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) fate: Fate,
    pub(super) why: String,
}

impl Failure {
    pub(super) fn lost(why: impl Into<String>) -> Self {
        Self { fate: Fate::Lost, why: why.into() }
    }

    /// The other side closed a connection that had served before, and did not say a word to the request:
    /// nothing was processed (D-H13).
    pub(super) fn closed_while_idle() -> Self {
        Self { fate: Fate::Refused, why: "had closed the connection".to_owned() }
    }

    pub(super) fn into_call_error(self, host: &str) -> CallError {
        let why = self.why;
        match self.fate {
            Fate::Unsent => CallError::ConnectFailed(format!("cannot reach {host}: {why}")),
            Fate::Refused => CallError::ConnectFailed(format!("{host} {why}")),
            Fate::Lost => {
                CallError::ConnectionLost(format!("{host} closed the connection before it answered: {why}"))
            }
        }
    }
}

/// Says that a body is not whole.
pub(super) fn broken(why: &str) -> CallError {
    CallError::ConnectionLost(format!("the answer broke off: {why}"))
}

/// Joins an error and its causes in one line; a cause that repeats what was said is left out.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut link = error.source();
    while let Some(cause) = link {
        let more = cause.to_string();
        if !text.contains(&more) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {more}");
        }
        link = cause.source();
    }
    text
}
