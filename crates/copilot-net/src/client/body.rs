//! The body of an answer.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    decoding::Decoder,
    errors::{CallError, broken},
    http1::Link,
    http2::Incoming,
    pool::Host,
};

/// A body that is still to be read. Dropping it closes its connection, or resets its stream.
pub struct Body {
    source: Source,
    decoder: Option<Box<Decoder>>,
    /// Counts against the client's connections until the end.
    permit: Option<OwnedSemaphorePermit>,
}

pub(super) enum Source {
    Link(Box<Link>, Arc<Host>),
    Stream(Box<Incoming>),
    Given(VecDeque<Result<Bytes, CallError>>),
    Ended,
}

impl Body {
    pub(super) fn new(source: Source, decoder: Option<Decoder>, permit: OwnedSemaphorePermit) -> Self {
        // An answer without a body gives its place back though nobody looks at it.
        let ended = matches!(source, Source::Ended);
        Self { source, decoder: decoder.map(Box::new), permit: (!ended).then_some(permit) }
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
        }
        if matches!(self.source, Source::Ended) {
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
        let mut first: Option<Bytes> = None;
        let mut joined = BytesMut::new();
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
                return Ok(first.unwrap_or_else(|| joined.freeze()));
            };
            let size = first.as_ref().map_or(joined.len(), Bytes::len) + chunk.len();
            if size > limit {
                return Err(CallError::TooLarge(format!("the answer is larger than {limit} bytes")));
            }
            // Many answers come in one piece, which needs no copy.
            if joined.is_empty() && first.is_none() {
                first = Some(chunk);
                continue;
            }
            if let Some(first) = first.take() {
                joined.reserve(size);
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&chunk);
        }
    }

    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let Some(decoder) = &mut self.decoder else {
            return self.source.poll(cx);
        };
        loop {
            match decoder.next() {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) => {}
                Err(why) => return Poll::Ready(Some(Err(broken(why)))),
            }
            match ready!(self.source.poll(cx)) {
                Some(Ok(chunk)) => decoder.feed(chunk),
                None => return Poll::Ready(decoder.finish().err().map(|why| Err(broken(why)))),
                failed => return Poll::Ready(failed),
            }
        }
    }
}

impl Source {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let chunk = match self {
            Self::Link(link, _) => ready!(link.poll_data(cx)).map(|data| data.map_err(|why| broken(&why))),
            Self::Stream(incoming) => {
                ready!(incoming.poll_data(cx)).map(|data| data.map_err(|why| broken(&why)))
            }
            Self::Given(chunks) => loop {
                match chunks.pop_front() {
                    Some(Ok(chunk)) if chunk.is_empty() => {}
                    chunk => break chunk,
                }
            },
            Self::Ended => None,
        };
        match &chunk {
            // The connection is free with the last byte, not with the look beyond it.
            Some(Ok(_)) => self.end_if_complete(),
            Some(Err(_)) => *self = Self::Ended,
            None => {
                self.end_if_complete();
                *self = Self::Ended;
            }
        }
        Poll::Ready(chunk)
    }

    pub(super) fn end_if_complete(&mut self) {
        let complete = match self {
            Self::Link(link, _) => link.is_complete(),
            Self::Stream(incoming) => incoming.is_complete(),
            Self::Given(_) | Self::Ended => false,
        };
        if complete && let Self::Link(link, host) = std::mem::replace(self, Self::Ended) {
            host.give_back(link);
        }
    }
}
