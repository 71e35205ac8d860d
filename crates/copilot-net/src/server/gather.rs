//! Reads the body of a request into one piece, within the limits.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, Sleep, sleep};

use super::{link::Link, refusal::Refusal};

/// A body is worth this much memory before anything of it has come.
const IN_ADVANCE: usize = 256 * 1024;

/// What a body must bring, in bytes a second.
const PACE: f64 = 1024.0;

/// A body that is read.
pub(super) struct Gather {
    body: Incoming,
    /// The first piece, which is often the only one and then not copied.
    first: Bytes,
    rest: BytesMut,
    span: Option<Span>,
}

/// The time in which the pace is measured.
struct Span {
    end: Pin<Box<Sleep>>,
    /// Bytes at its begin.
    base: usize,
}

impl Gather {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, first: Bytes::new(), rest: BytesMut::new(), span: None }
    }

    fn size(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, link: &Link) -> Poll<Result<Bytes, Refusal>> {
        let options = &link.shared.options;
        let limit = options.body_limit;
        while !self.body.is_end_stream() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                ready!(self.poll_pace(cx, options.body_stall));
                return Poll::Ready(Err(Refusal::BodyTimeout));
            };
            match frame {
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
        if self.rest.is_empty() {
            let left = self.body.size_hint().exact().and_then(|left| usize::try_from(left).ok());
            let size = (self.first.len() + chunk.len()).saturating_add(left.unwrap_or_default());
            self.rest.reserve(size.min(IN_ADVANCE).max(self.first.len() + chunk.len()));
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&chunk);
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
    Refusal::Malformed("The body ended before it was whole.")
}
