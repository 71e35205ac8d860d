//! What the server answers itself, as JSON in the client's dialect.

use std::{borrow::Cow, time::SystemTime};

use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER},
    response::Parts,
};

use super::options::TARGET;

const JSON: &str = "application/json";

/// Seconds, for who was sent away because the server is full.
const RETRY: &str = "1";

/// Why a request is not handed to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not HTTP as RFC 9112 and R-12 want it, or lacks what it needs. The text says what.
    Malformed(&'static str),
    Connect,
    HeaderTimeout,
    BodyTimeout,
    BodyTooLarge {
        limit: usize,
    },
    TargetTooLong,
    HeaderTooLarge,
    /// The service gave no answer.
    Unanswered,
    /// There are more connections than may be.
    Full,
}

/// How an error is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Messages,
    OpenAi,
}

impl Dialect {
    pub(super) fn of(target: &[u8]) -> Self {
        if target.starts_with(b"/v1/messages") { Self::Messages } else { Self::OpenAi }
    }
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Self::HeaderTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeaderTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Unanswered => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Malformed(_) => "bad_request",
            Self::Connect => "method_not_allowed",
            Self::HeaderTimeout | Self::BodyTimeout => "request_timeout",
            Self::BodyTooLarge { .. } => "request_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::HeaderTooLarge => "header_too_large",
            Self::Unanswered => "internal_error",
            Self::Full => "overloaded",
        }
    }

    fn kind(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::BodyTooLarge { .. }, Dialect::Messages) => "request_too_large",
            (Self::Unanswered, Dialect::Messages) => "api_error",
            (Self::Full, Dialect::Messages) => "overloaded_error",
            (Self::Unanswered | Self::Full, Dialect::OpenAi) => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// None of these texts holds what JSON would have to escape.
    fn message(self) -> Cow<'static, str> {
        match self {
            Self::Malformed(what) => what.into(),
            Self::Connect => "This is no proxy: CONNECT is not served.".into(),
            Self::HeaderTimeout => "The header section of the request took too long.".into(),
            Self::BodyTimeout => "The body of the request came too slowly.".into(),
            Self::BodyTooLarge { limit } => {
                format!("The body of the request is larger than {limit} bytes.").into()
            }
            Self::TargetTooLong => format!("The address is longer than {TARGET} bytes.").into(),
            Self::HeaderTooLarge => "The header section of the request is too large.".into(),
            Self::Unanswered => "The request was not answered because of an internal error.".into(),
            Self::Full => "Too many connections. Try again in a moment.".into(),
        }
    }

    /// Whether the connection ends with the answer: its body was not read, or not to be found.
    fn closes(self) -> bool {
        self != Self::Unanswered
    }

    fn body(self, dialect: Dialect) -> String {
        let (kind, message, code) = (self.kind(dialect), self.message(), self.code());
        match dialect {
            Dialect::Messages => {
                format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#)
            }
            Dialect::OpenAi => format!(
                r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":"{code}"}}}}"#
            ),
        }
    }

    /// Returns the answer for hyper to send.
    pub(super) fn answer(self, dialect: Dialect) -> (Parts, Bytes) {
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.status = self.status();
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        if self.closes() {
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self == Self::Full {
            head.headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY));
        }
        (head, self.body(dialect).into())
    }

    /// Returns the answer as bytes, where hyper has no part in it. HEAD gets no body.
    pub(super) fn bytes(self, dialect: Dialect, is_head: bool) -> Vec<u8> {
        let status = self.status();
        let body = self.body(dialect);
        let date = httpdate::fmt_http_date(SystemTime::now());
        let reason = status.canonical_reason().unwrap_or_default();
        format!(
            "HTTP/1.1 {} {reason}\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\nconnection: close\r\ndate: \
             {date}\r\n\r\n{}",
            status.as_u16(),
            body.len(),
            if is_head { "" } else { &body },
        )
        .into_bytes()
    }
}
