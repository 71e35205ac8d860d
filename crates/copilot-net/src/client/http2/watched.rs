//! What comes in on an HTTP/2 connection, and when: what a failure is judged by, and whether the peer is there.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::stream::Stream;

/// What came in on a connection.
#[derive(Default)]
pub(super) struct Seen {
    bytes: AtomicU64,
    /// When bytes came last: milliseconds of the wall clock, which goes on while the machine sleeps.
    last: AtomicU64,
}

impl Seen {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn note(&self, came: usize) {
        // A connection has one reader: no read-modify-write is needed.
        self.bytes.store(self.bytes() + came as u64, Ordering::Relaxed);
        self.last.store(wall(), Ordering::Relaxed);
    }

    /// How long ago bytes came last.
    pub(super) fn age(&self) -> Duration {
        Duration::from_millis(wall().saturating_sub(self.last.load(Ordering::Relaxed)))
    }
}

fn wall() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The byte stream of a connection, with a note of what comes in.
pub(super) struct Watched {
    stream: Stream,
    seen: Arc<Seen>,
}

impl Watched {
    pub(super) fn new(stream: Stream, seen: Arc<Seen>) -> Self {
        // The handshakes are over: something came just now.
        seen.note(0);
        Self { stream, seen }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let came = buffer.filled().len() - before;
        if came > 0 {
            self.seen.note(came);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
