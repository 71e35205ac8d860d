//! The socket as hyper gets it: it sees one request at a time, and only what the screen passed.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    link::{Link, Phase},
    screen::{Screen, Stop},
    socket::Socket,
};

/// So much is read of what comes behind a request that is not answered yet: a client that goes away is noticed
/// behind it.
const AHEAD: usize = 64 * 1024;

/// A socket, what was read from it too early, and the screen between it and hyper.
pub(super) struct Wire {
    socket: Socket,
    link: Arc<Link>,
    /// None for HTTP/2, whose framing h2 judges.
    screen: Option<Screen>,
    held: BytesMut,
    /// How many of the held bytes hyper may have.
    passed: usize,
    stop: Option<Stop>,
}

impl Wire {
    pub(super) fn new(socket: Socket, link: Arc<Link>, screen: Option<Screen>) -> Self {
        Self { socket, link, screen, held: BytesMut::new(), passed: 0, stop: None }
    }

    /// Returns why the screen stopped hyper, once.
    pub(super) fn take_stop(&mut self) -> Option<Stop> {
        self.link.stop(false);
        self.stop.take()
    }

    /// Passes everything from now on, and what was held first.
    pub(super) fn open(&mut self) {
        self.screen = None;
        self.passed = self.held.len();
    }

    /// Whether there is more from the client than was answered: closing at once could destroy the answer.
    pub(super) fn has_unread(&self) -> bool {
        let is_between = self.screen.as_ref().is_none_or(|screen| screen.is_whole() || screen.is_in_head());
        !is_between || !self.held.is_empty()
    }

    fn poll_screened(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.stop.is_none() && self.passed == 0 && !self.held.is_empty() {
                let held = std::mem::take(&mut self.held);
                let judged = self.judge(&held);
                self.held = held;
                self.passed = judged?;
            }
            // Once stopped, the driver ends the connection; hyper only waits.
            if self.stop.is_some() {
                return Poll::Pending;
            }
            if self.replay(buffer) {
                return Poll::Ready(Ok(()));
            }
            if self.held.len() >= AHEAD + self.link.shared.options.header_limit {
                return Poll::Pending;
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
            let fresh = buffer.filled().get(before..).unwrap_or_default();
            if fresh.is_empty() {
                return Poll::Ready(Ok(()));
            }
            // Nearly always all that comes is of one request, and nothing is copied.
            let passed = if self.held.is_empty() { self.judge(fresh)? } else { 0 };
            if let Some(rest) = fresh.get(passed..)
                && !rest.is_empty()
            {
                self.held.extend_from_slice(rest);
                buffer.set_filled(before + passed);
            }
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Returns how many of `bytes` hyper may have. What is refused before hyper saw its head stops the wire;
    /// later hyper has to see the body fail.
    fn judge(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(screen) = &mut self.screen else { return Ok(bytes.len()) };
        let was_in_head = screen.is_in_head();
        match screen.admit(bytes) {
            Ok(passed) => {
                if was_in_head {
                    self.link.enter(if screen.is_in_head() { Phase::Head } else { Phase::Busy });
                }
                Ok(passed)
            }
            Err(stop) if was_in_head => {
                self.stop = Some(stop);
                self.link.stop(true);
                Ok(0)
            }
            Err(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Whether hyper writes `answer` of itself, because it cannot read a head: the driver will answer instead.
    fn replaces(&mut self, answer: &[u8]) -> bool {
        if self.link.phase() != Phase::Busy || self.link.active() > 0 {
            return false;
        }
        let Some(screen) = &self.screen else { return false };
        self.stop = Some(screen.own_answer(answer));
        self.link.stop(true);
        true
    }

    /// Gives hyper what it may have of the held bytes.
    fn replay(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let length = self.passed.min(buffer.remaining());
        let Some(bytes) = self.held.get(..length).filter(|bytes| !bytes.is_empty()) else { return false };
        buffer.put_slice(bytes);
        self.held.advance(length);
        self.passed -= length;
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
        true
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.screen.is_some() {
            return wire.poll_screened(cx, buffer);
        }
        if wire.replay(buffer) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut wire.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.replaces(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut wire.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.replaces(slices.first().map_or(&[], |slice| slice)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut wire.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(Pin::new(&mut wire.socket).poll_flush(cx))?;
        // hyper flushes when its own buffer is empty.
        if wire.link.phase() == Phase::Flushing {
            wire.link.flushed();
            if let Some(screen) = &mut wire.screen {
                screen.next_request();
            }
            if !wire.held.is_empty() {
                // hyper was told that there is nothing to read.
                cx.waker().wake_by_ref();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        // The driver has still something to say.
        if wire.stop.is_some() { Poll::Ready(Ok(())) } else { Pin::new(&mut wire.socket).poll_shutdown(cx) }
    }
}
