//! How a call can fail, and what a failure tells about the request.

use std::{error::Error, fmt::Write as _};

use hyper_util::client::legacy;

use super::link::Mark;

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

/// Judges the failure of a request to `host`; `mark` is the connection that it was given, if any.
pub(super) fn classify(error: &legacy::Error, mark: Option<&Mark>, host: &str) -> CallError {
    let why = reason(error);
    let Some(mark) = mark else {
        return CallError::ConnectFailed(format!("cannot reach {host}: {why}"));
    };
    if mark.nothing_written() {
        return CallError::ConnectFailed(format!("cannot reach {host}: {why}"));
    }
    if mark.closed_while_idle() || refused(error) {
        return CallError::ConnectFailed(format!("{host} had closed the connection"));
    }
    CallError::ConnectionLost(format!("{host} closed the connection before it answered: {why}"))
}

/// Whether an HTTP/2 peer said that it did not look at the request: RFC 9113 8.7, REFUSED_STREAM, or a
/// GOAWAY in good order, which hyper reports for the streams above its last one.
fn refused(error: &(dyn Error + 'static)) -> bool {
    let mut link = Some(error);
    while let Some(current) = link {
        if let Some(h2) = current.downcast_ref::<h2::Error>() {
            let refused = h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            return refused
                || (h2.is_go_away() && h2.is_remote() && h2.reason() == Some(h2::Reason::NO_ERROR));
        }
        link = current.source();
    }
    false
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
