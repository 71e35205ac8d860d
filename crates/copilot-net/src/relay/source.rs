//! Where a relay's bytes come from: the body of an answer, and what was read of it ahead.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use crate::client::{Body, CallError};

/// A body whose first chunk may have been read.
pub struct Source {
    since: Instant,
    ahead: Option<Result<Bytes, CallError>>,
    /// None after the end.
    body: Option<Body>,
    #[cfg(test)]
    pub(super) script: Option<super::tests::Script>,
}

impl Source {
    /// Makes a source of a body nothing was read of, and whose head has just come.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self {
            since: Instant::now(),
            ahead: None,
            body: Some(body),
            #[cfg(test)]
            script: None,
        }
    }

    /// When it was made: silence counts from then on.
    pub(super) const fn since(&self) -> Instant {
        self.since
    }

    /// Reads the first chunk, or gives up after `patience`; zero waits without end.
    pub async fn read_ahead(&mut self, patience: Duration) {
        if self.ahead.is_some() {
            return;
        }
        let first = poll_fn(|cx| self.poll_chunk(cx));
        let first = if patience.is_zero() { Ok(first.await) } else { timeout(patience, first).await };
        if let Ok(first) = first {
            self.ahead = first;
        }
    }

    /// Returns the next bytes, never empty ones; None after the end and after an error.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(ahead));
        }
        #[cfg(test)]
        if let Some(script) = &mut self.script {
            return script.poll_chunk(cx);
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = body.poll_chunk(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    /// Closes the connection, or gives it back when the body was read to its end.
    pub fn close(&mut self) {
        self.ahead = None;
        self.body = None;
        #[cfg(test)]
        drop(self.script.take());
    }

    /// Returns the whole body; see [`Body::read`].
    ///
    /// # Errors
    ///
    /// [`CallError::TooLarge`], [`CallError::IdleTimeout`] or [`CallError::ConnectionLost`].
    pub async fn read(self, limit: usize, idle: Duration) -> Result<Bytes, CallError> {
        let rest = match self.body {
            Some(body) => body.read(limit, idle).await?,
            None => Bytes::new(),
        };
        match self.ahead.transpose()? {
            None => Ok(rest),
            Some(ahead) if rest.is_empty() && ahead.len() <= limit => Ok(ahead),
            Some(ahead) if ahead.len() + rest.len() <= limit => Ok([ahead, rest].concat().into()),
            Some(_) => Err(CallError::TooLarge(format!("the answer is larger than {limit} bytes"))),
        }
    }
}
