//! What is sent.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header::AUTHORIZATION};

use super::errors::CallError;

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a free connection or a new one: name, TCP, proxy and TLS together.
    pub connect: Duration,
    /// For the header section of the answer, counted from the last byte of the request that went out.
    pub first_byte: Duration,
    /// For silence inside a body; zero is no limit. [`super::Body`] does not keep it: it is given to its
    /// reader.
    pub idle: Duration,
}

/// Header fields in the order in which they are sent. Made once and cloned, they cost two counters a field.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// One HTTP request. Everything in it is cheap to clone.
#[derive(Clone)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: Method,
    /// Where to, `http` or `https`.
    pub uri: Uri,
    /// What goes out besides `host`, `content-length` and `accept-encoding`, which are the client's own: those
    /// are left out here, and so are the hop-by-hop fields.
    pub headers: Headers,
    /// What is sent.
    pub body: Option<Bytes>,
    /// How long it may take.
    pub timeouts: Timeouts,
}

impl Call {
    /// Reads a call from texts.
    ///
    /// # Errors
    ///
    /// [`CallError::ConnectFailed`] for what HTTP cannot express: it was not sent. The text names the part and
    /// not what is in it.
    pub fn new<'t>(
        method: &str,
        url: &str,
        headers: impl IntoIterator<Item = (&'t str, &'t str)>,
        body: Option<Bytes>,
        timeouts: Timeouts,
    ) -> Result<Self, CallError> {
        Ok(Self {
            method: method.parse().map_err(|_| impossible("method"))?,
            uri: url.parse().map_err(|_| impossible("address"))?,
            headers: headers
                .into_iter()
                .map(|(name, value)| header(name, value))
                .collect::<Result<_, _>>()?,
            body,
            timeouts,
        })
    }
}

/// Reads one header field; the value of `authorization` is marked as a secret.
///
/// # Errors
///
/// [`CallError::ConnectFailed`] for what HTTP cannot express.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), CallError> {
    let name: HeaderName = name.parse().map_err(|_| impossible("header"))?;
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| impossible("header"))?;
    value.set_sensitive(name == AUTHORIZATION);
    Ok((name, value))
}

pub(super) fn impossible(what: &str) -> CallError {
    CallError::ConnectFailed(format!("the call cannot be sent: its {what} is wrong"))
}

/// Whether a field of a call is the client's own affair, or that of one connection.
pub(super) fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "host"
            | "content-length"
            | "accept-encoding"
            | "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
    )
}

/// The length to announce: none for a request that has no body by its nature.
pub(super) fn content_length(call: &Call) -> Option<usize> {
    match &call.body {
        Some(body) => Some(body.len()),
        None => matches!(call.method, Method::POST | Method::PUT | Method::PATCH).then_some(0),
    }
}
