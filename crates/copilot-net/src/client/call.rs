//! What is sent.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use copilot_core::text::{self, Part};
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

/// Header fields in the order in which they are sent, without those that are the client's own: `host`,
/// `content-length`, `accept-encoding` and the hop-by-hop ones are left out.
#[derive(Clone, Default)]
pub struct Headers {
    fields: Vec<(HeaderName, HeaderValue)>,
    /// As HTTP/1.1 writes them: what many calls have in common is written once.
    text: Vec<u8>,
}

impl Headers {
    /// Reads fields from texts.
    ///
    /// # Errors
    ///
    /// As [`Headers::push`].
    pub fn read<'t>(fields: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, CallError> {
        let mut headers = Self::default();
        for (name, value) in fields {
            headers.push(name, value)?;
        }
        Ok(headers)
    }

    /// Adds one field. The value of `authorization` is marked as a secret.
    ///
    /// # Errors
    ///
    /// [`CallError::ConnectFailed`] for what HTTP cannot express: it was not sent.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), CallError> {
        let name: HeaderName = name.parse().map_err(|_| impossible("header"))?;
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| impossible("header"))?;
        value.set_sensitive(name == AUTHORIZATION);
        if !is_ours(name.as_str()) {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                self.text.extend_from_slice(part);
            }
            self.fields.push((name, value));
        }
        Ok(())
    }

    pub(super) fn fields(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }
}

struct Shared(Arc<text::Body>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What is sent, in one piece or in several that need not be put together.
#[derive(Clone)]
pub struct Payload(Pieces);

#[derive(Clone)]
enum Pieces {
    One(Bytes),
    Many(Arc<[Bytes]>),
}

/// Says how much it is and not what: it may be a prompt.
impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Payload({} bytes)", self.size())
    }
}

/// Names the fields and not their values.
impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

impl<B: Into<Bytes>> From<B> for Payload {
    fn from(bytes: B) -> Self {
        Self(Pieces::One(bytes.into()))
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        Self(Pieces::Many(pieces.into_iter().collect()))
    }
}

impl Payload {
    /// The bytes of a body, not put together where it was written in pieces.
    #[must_use]
    pub fn of(body: Arc<text::Body>) -> Self {
        let shared = |body| Bytes::from_owner(Shared(body));
        let Some(parts) = body.parts() else { return shared(body).into() };
        let part = |part| match part {
            Part::Of(base, range) => shared(Arc::clone(base)).slice(range),
            Part::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
        };
        parts.into_iter().map(part).collect()
    }

    pub(super) fn pieces(&self) -> &[Bytes] {
        match &self.0 {
            Pieces::One(piece) => std::slice::from_ref(piece),
            Pieces::Many(pieces) => pieces,
        }
    }

    fn size(&self) -> usize {
        self.pieces().iter().map(Bytes::len).sum()
    }

    /// The bytes in one piece.
    pub(super) fn joined(&self) -> Bytes {
        match &self.0 {
            Pieces::One(piece) => piece.clone(),
            Pieces::Many(pieces) => pieces.concat().into(),
        }
    }
}

/// One HTTP request.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: Method,
    /// Where to, `http` or `https`.
    pub uri: Uri,
    /// What many calls have in common; it goes out first.
    pub common: Arc<Headers>,
    /// What only this one has.
    pub headers: Headers,
    /// What is sent.
    pub body: Option<Payload>,
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
        body: Option<Payload>,
        timeouts: Timeouts,
    ) -> Result<Self, CallError> {
        Ok(Self {
            method: method.parse().map_err(|_| impossible("method"))?,
            uri: url.parse().map_err(|_| impossible("address"))?,
            common: Arc::default(),
            headers: Headers::read(headers)?,
            body,
            timeouts,
        })
    }
}

pub(super) fn impossible(what: &str) -> CallError {
    CallError::ConnectFailed(format!("the call cannot be sent: its {what} is wrong"))
}

/// Whether a field of a call is the client's own affair, or that of one connection.
fn is_ours(name: &str) -> bool {
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
        Some(body) => Some(body.size()),
        None => matches!(call.method, Method::POST | Method::PUT | Method::PATCH).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::*;

    #[test]
    fn r08_what_is_sent_shows_neither_values_nor_content() {
        let timeouts = Timeouts { connect: Duration::ZERO, first_byte: Duration::ZERO, idle: Duration::ZERO };
        let headers = [("authorization", "Bearer MarkOfAToken"), ("x-own", "MarkOfAValue")];
        let body = Payload::from("MarkOfAPrompt");
        let call = Call::new("POST", "http://h/p", headers, Some(body), timeouts).unwrap();
        let shown = format!("{call:?} {:?}", [Bytes::from("MarkOfAPrompt")].into_iter().collect::<Payload>());
        assert!(!shown.contains("Mark"), "{shown}");
        assert!(shown.contains("authorization") && shown.contains("Payload(13 bytes)"), "{shown}");
        assert!(
            call.headers.fields().iter().any(|(name, value)| name == AUTHORIZATION && value.is_sensitive())
        );
    }
}
