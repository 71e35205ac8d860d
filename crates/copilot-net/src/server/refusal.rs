//! What the server answers itself, as JSON in the client's dialect.

use std::{borrow::Cow, time::SystemTime};

use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER},
    response::Parts,
};
use memchr::{memchr, memrchr};

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
    /// There is no Host, or more than one.
    NoHost,
    /// The Host names another server.
    ForeignHost,
    /// A web page asks whose origin may not.
    ForeignOrigin,
    /// A web page asks that does not say its origin.
    OtherPage,
    /// The connection is another user's, or comes from another machine.
    ForeignUser,
}

/// How an error is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Messages,
    OpenAi,
    Gemini,
    Ollama,
}

/// What stands behind a model's name and a colon where Google's API is asked below `/v1` too.
const GEMINI_METHODS: [&[u8]; 5] =
    [b"generateContent", b"streamGenerateContent", b"countTokens", b"embedContent", b"batchEmbedContents"];

impl Dialect {
    /// Returns the dialect of a path, with or without a query.
    pub(super) fn of(target: &[u8]) -> Self {
        let is_below = |prefix: &[u8]| target.starts_with(prefix);
        if is_below(b"/v1/messages") {
            Self::Messages
        } else if is_below(b"/v1beta/") || is_below(b"/v1alpha/") || is_gemini_method(target) {
            Self::Gemini
        } else if is_below(b"/api/") {
            Self::Ollama
        } else {
            Self::OpenAi
        }
    }
}

fn is_gemini_method(target: &[u8]) -> bool {
    let Some(rest) = target.strip_prefix(b"/v1/models/") else { return false };
    let path = memchr(b'?', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
    let Some((name, method)) = memrchr(b':', path).and_then(|at| path.split_at_checked(at)) else {
        return false;
    };
    !name.is_empty()
        && memchr(b'/', path).is_none()
        && GEMINI_METHODS.iter().any(|known| method.strip_prefix(b":") == Some(*known))
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Self::HeaderTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeaderTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Unanswered => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin | Self::OtherPage | Self::ForeignUser => StatusCode::FORBIDDEN,
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
            Self::NoHost | Self::ForeignHost => "bad_host",
            Self::ForeignOrigin | Self::OtherPage => "bad_origin",
            Self::ForeignUser => "foreign_user",
        }
    }

    fn kind(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::BodyTooLarge { .. }, Dialect::Messages) => "request_too_large",
            (Self::Unanswered, Dialect::Messages) => "api_error",
            (Self::Full, Dialect::Messages) => "overloaded_error",
            (Self::Unanswered | Self::Full, _) => "server_error",
            (Self::ForeignOrigin | Self::OtherPage | Self::ForeignUser, _) => "permission_error",
            _ => "invalid_request_error",
        }
    }

    /// Google's name of the status.
    fn google_status(self) -> &'static str {
        match self.status().as_u16() {
            403 => "PERMISSION_DENIED",
            408 => "DEADLINE_EXCEEDED",
            500 => "INTERNAL",
            503 => "UNAVAILABLE",
            _ => "INVALID_ARGUMENT",
        }
    }

    /// None of these texts holds what JSON would have to escape.
    pub(super) fn message(self) -> Cow<'static, str> {
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
            Self::NoHost => "one Host header is needed".into(),
            Self::ForeignHost => {
                "the name in the Host header is not one of this gateway; allow it with --public-host".into()
            }
            Self::ForeignOrigin => {
                "web pages of this origin may not call the gateway; allow it with --cors-origin".into()
            }
            Self::OtherPage => "requests made by other web pages are refused".into(),
            Self::ForeignUser => {
                "without a key only the user who runs the gateway may use it; give it one with --api-key"
                    .into()
            }
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
            Dialect::Gemini => {
                let (number, status) = (self.status().as_u16(), self.google_status());
                format!(r#"{{"error":{{"code":{number},"message":"{message}","status":"{status}"}}}}"#)
            }
            Dialect::Ollama => format!(r#"{{"error":"{message}"}}"#),
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
