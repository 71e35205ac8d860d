//! The body of an answer.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    decoding::Decoder,
    errors::{CallError, reason},
};

/// A body that is still to be read. Dropping it closes its connection, or resets its stream.
pub struct Body {
    source: Source,
    decoder: Option<Decoder>,
    /// Counts against the client's connections until the end.
    permit: Option<OwnedSemaphorePermit>,
}

enum Source {
    Wire(Incoming),
    Given(VecDeque<Result<Bytes, CallError>>),
    Ended,
}

impl Body {
    pub(super) fn new(body: Incoming, decoder: Option<Decoder>, permit: OwnedSemaphorePermit) -> Self {
        // An answer without a body gives its place back though nobody looks at it.
        let ended = body.is_end_stream();
        let source = if ended { Source::Ended } else { Source::Wire(body) };
        Self { source, decoder, permit: (!ended).then_some(permit) }
    }

    /// Returns a body of `chunks`: for tests of what reads bodies.
    #[must_use]
    pub fn of_chunks(chunks: Vec<Result<Bytes, CallError>>) -> Self {
        Self { source: Source::Given(chunks.into()), decoder: None, permit: None }
    }

    /// Returns the next bytes, never empty ones; None after the end and after an error.
    ///
    /// There is no timeout: the reader has its own.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let chunk = ready!(self.poll_decoded(cx));
        if !matches!(chunk, Some(Ok(_))) {
            self.source = Source::Ended;
            self.decoder = None;
            self.permit = None;
        }
        Poll::Ready(chunk)
    }

    /// Returns the whole body, of `limit` bytes at most. `idle` is how long nothing may come; zero is no
    /// limit.
    ///
    /// # Errors
    ///
    /// [`CallError::TooLarge`], [`CallError::IdleTimeout`] or [`CallError::ConnectionLost`].
    pub async fn read(mut self, limit: usize, idle: Duration) -> Result<Bytes, CallError> {
        let mut whole: Option<Bytes> = None;
        let mut parts = BytesMut::new();
        loop {
            let next = poll_fn(|cx| self.poll_chunk(cx));
            let next = if idle.is_zero() {
                next.await
            } else {
                timeout(idle, next).await.map_err(|_| {
                    CallError::IdleTimeout(format!("upstream was silent for {} s", idle.as_secs_f64()))
                })?
            };
            let Some(chunk) = next.transpose()? else {
                return Ok(whole.unwrap_or_else(|| parts.freeze()));
            };
            let size = whole.as_ref().map_or(parts.len(), Bytes::len) + chunk.len();
            if size > limit {
                return Err(CallError::TooLarge(format!("the answer is larger than {limit} bytes")));
            }
            // Many answers come in one piece, which needs no copy.
            if parts.is_empty() && whole.is_none() {
                whole = Some(chunk);
                continue;
            }
            if let Some(first) = whole.take() {
                parts.extend_from_slice(&first);
            }
            parts.extend_from_slice(&chunk);
        }
    }

    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let Some(decoder) = &mut self.decoder else {
            return self.source.poll(cx);
        };
        loop {
            match decoder.next() {
                Ok(Some(decoded)) => return Poll::Ready(Some(Ok(decoded))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(broken(&error)))),
            }
            match ready!(self.source.poll(cx)) {
                Some(Ok(chunk)) => decoder.feed(chunk),
                None => {
                    return Poll::Ready(match decoder.finish() {
                        Ok(rest) => (!rest.is_empty()).then_some(Ok(rest)),
                        Err(error) => Some(Err(broken(&error))),
                    });
                }
                failed => return Poll::Ready(failed),
            }
        }
    }
}

impl Source {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        loop {
            let chunk = match self {
                Self::Wire(body) => match ready!(Pin::new(body).poll_frame(cx)) {
                    // What is not data is the trailers.
                    Some(Ok(frame)) => Some(Ok(frame.into_data().unwrap_or_default())),
                    Some(Err(error)) => Some(Err(broken(&error))),
                    None => None,
                },
                Self::Given(chunks) => chunks.pop_front(),
                Self::Ended => None,
            };
            match chunk {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(_)) => return Poll::Ready(chunk),
                _ => {
                    *self = Self::Ended;
                    return Poll::Ready(chunk);
                }
            }
        }
    }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> CallError {
    CallError::ConnectionLost(format!("the answer broke off: {}", reason(error)))
}
