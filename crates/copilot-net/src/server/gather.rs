//! Reads the body of a request into one piece, within the limits.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    link::{Body, Link},
    refusal::Refusal,
};

/// What a body must bring, in bytes a second.
const PACE: f64 = 1024.0;

const SHORT: Refusal = Refusal::Malformed("The body ended before it was whole.");

/// A body that is read.
pub(super) struct Gather {
    source: Source,
    span: Option<Span>,
}

enum Source {
    Hyper(Pieces),
    /// The wire reads it; so many bytes have come.
    Wire(usize),
}

struct Pieces {
    body: Incoming,
    /// The first piece, which is often the only one and then not copied.
    first: Bytes,
    rest: BytesMut,
}

/// The time in which the pace is measured.
struct Span {
    end: Pin<Box<Sleep>>,
    /// Bytes at its begin.
    base: usize,
}

impl Gather {
    /// Reads a body from hyper.
    pub(super) fn hyper(body: Incoming) -> Self {
        let pieces = Pieces { body, first: Bytes::new(), rest: BytesMut::new() };
        Self { source: Source::Hyper(pieces), span: None }
    }

    /// Waits for the body that the wire reads.
    pub(super) fn wire() -> Self {
        Self { source: Source::Wire(0), span: None }
    }

    /// Whether hyper was kept from seeing the body.
    pub(super) fn is_wire(&self) -> bool {
        matches!(self.source, Source::Wire(_))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, link: &Link) -> Poll<Result<Bytes, Refusal>> {
        let options = &link.shared.options;
        let polled = match &mut self.source {
            Source::Hyper(pieces) => pieces.poll(cx, options.body_limit),
            Source::Wire(size) => match link.take_body() {
                Body::Whole(bytes) => Poll::Ready(Ok(bytes)),
                Body::Short | Body::Elsewhere => Poll::Ready(Err(SHORT)),
                Body::Coming(come) => {
                    *size = come;
                    Poll::Pending
                }
            },
        };
        if polled.is_pending() && self.poll_pace(cx, options.body_stall).is_ready() {
            return Poll::Ready(Err(Refusal::BodyTimeout));
        }
        polled
    }

    fn size(&self) -> usize {
        match &self.source {
            Source::Hyper(pieces) => pieces.size(),
            Source::Wire(size) => *size,
        }
    }

    /// Ready when too little came in a span.
    fn poll_pace(&mut self, cx: &mut Context<'_>, length: Duration) -> Poll<()> {
        let size = self.size();
        let span = self.span.get_or_insert_with(|| Span { end: Box::pin(sleep(length)), base: size });
        #[expect(clippy::cast_precision_loss, reason = "a body has less than 2^52 bytes")]
        while span.end.as_mut().poll(cx).is_ready() {
            if ((size - span.base) as f64) < PACE * length.as_secs_f64() {
                return Poll::Ready(());
            }
            span.base = size;
            span.end.as_mut().reset(Instant::now() + length);
        }
        Poll::Pending
    }
}

impl Pieces {
    fn size(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn poll(&mut self, cx: &mut Context<'_>, limit: usize) -> Poll<Result<Bytes, Refusal>> {
        while !self.body.is_end_stream() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // What is not data is the trailers.
                Some(Ok(frame)) => {
                    let chunk = frame.into_data().unwrap_or_default();
                    if self.size().saturating_add(chunk.len()) > limit {
                        return Poll::Ready(Err(Refusal::BodyTooLarge { limit }));
                    }
                    self.add(chunk);
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(&error))),
                None => break,
            }
        }
        if self.rest.is_empty() {
            return Poll::Ready(Ok(std::mem::take(&mut self.first)));
        }
        Poll::Ready(Ok(std::mem::take(&mut self.rest).freeze()))
    }

    fn add(&mut self, chunk: Bytes) {
        if self.size() == 0 {
            self.first = chunk;
            return;
        }
        self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        self.rest.extend_from_slice(&chunk);
    }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Refusal {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.kind() != std::io::ErrorKind::UnexpectedEof
        {
            return Refusal::Malformed("The body is malformed.");
        }
        cause = error.source();
    }
    SHORT
}
