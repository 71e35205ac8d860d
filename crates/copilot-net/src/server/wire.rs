//! The socket as hyper gets it: it sees one request at a time, and only what the screen passed.

use std::{
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::{
    link::{Body, Link, Phase},
    screen::{Screen, Stop},
    socket::Socket,
};

/// So much is read of what comes behind a request that is not answered yet: a client that goes away is noticed
/// behind it.
const AHEAD: usize = 64 * 1024;

/// A body is worth this much memory before anything of it has come.
const IN_ADVANCE: usize = 256 * 1024;

/// A socket, what was read from it too early, and the screen between it and hyper.
pub(super) struct Wire {
    socket: Socket,
    link: Arc<Link>,
    /// None for HTTP/2, whose framing h2 judges.
    screen: Option<Screen>,
    held: BytesMut,
    /// How many of the held bytes hyper may have.
    passed: usize,
    direct: Option<Direct>,
    stop: Option<Stop>,
}

/// A body that is read past hyper.
struct Direct {
    bytes: BytesMut,
    left: usize,
    is_short: bool,
}

impl Wire {
    pub(super) fn new(socket: Socket, link: Arc<Link>, screen: Option<Screen>) -> Self {
        Self { socket, link, screen, held: BytesMut::new(), passed: 0, direct: None, stop: None }
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
            // hyper has the head by now.
            if self.passed == 0 && self.direct.is_some() {
                ready!(self.poll_direct(cx))?;
            }
            if self.stop.is_none() && self.passed == 0 && !self.held.is_empty() {
                let mut held = std::mem::take(&mut self.held);
                let judged = self.judge(&mut held);
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
            let fresh = buffer.filled_mut().get_mut(before..).unwrap_or_default();
            if fresh.is_empty() {
                return Poll::Ready(Ok(()));
            }
            // Nearly always all that comes is of one request, and is not held.
            let passed = if self.held.is_empty() { self.judge(fresh)? } else { 0 };
            let rest = fresh.get(passed..).unwrap_or_default();
            if !rest.is_empty() {
                let taken = self.take_direct(rest);
                self.held.extend_from_slice(rest.get(taken..).unwrap_or_default());
                buffer.set_filled(before + passed);
            }
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads a body past hyper. Ready when it is whole.
    fn poll_direct(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut held = std::mem::take(&mut self.held);
        held.advance(self.take_direct(&held));
        if !held.is_empty() {
            self.held = held;
        }
        while let Some(direct) = &mut self.direct {
            if direct.is_short {
                return Poll::Pending;
            }
            if direct.bytes.len() == direct.bytes.capacity() {
                direct.bytes.reserve(direct.left.min(direct.bytes.len()));
            }
            let mut target = (&mut direct.bytes).limit(direct.left);
            let read = ready!(pin!(self.socket.read_buf(&mut target)).poll(cx))?;
            direct.left -= read;
            if read == 0 {
                // Who waits for the body answers; hyper would only end the connection.
                direct.is_short = true;
                self.link.put_body(Body::Short);
            } else {
                self.note_direct();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what of `bytes` belongs to a body that is read past hyper, and returns how much that was.
    fn take_direct(&mut self, bytes: &[u8]) -> usize {
        let Some(direct) = &mut self.direct else { return 0 };
        let taken = direct.left.min(bytes.len());
        direct.bytes.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        direct.left -= taken;
        self.note_direct();
        taken
    }

    fn note_direct(&mut self) {
        match self.direct.take() {
            Some(direct) if direct.left == 0 => {
                self.link.put_body(Body::Whole(direct.bytes.freeze()));
                if let Some(screen) = &mut self.screen {
                    screen.has_body();
                }
            }
            Some(direct) => {
                self.link.put_body(Body::Coming(direct.bytes.len()));
                self.direct = Some(direct);
            }
            None => {}
        }
    }

    /// Returns how many of `bytes` hyper may have. What is refused before hyper saw its head stops the wire;
    /// later hyper has to see the body fail.
    fn judge(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(screen) = &mut self.screen else { return Ok(bytes.len()) };
        let was_in_head = screen.is_in_head();
        match screen.admit(bytes) {
            Ok(passed) => {
                if was_in_head {
                    self.link.enter(if screen.is_in_head() { Phase::Head } else { Phase::Busy });
                }
                if let Some(size) = screen.direct().filter(|_| was_in_head) {
                    // hyper reads a head with a body of no bytes; the handler puts the length back.
                    bytes.get_mut(screen.take_length()).unwrap_or_default().fill(b'0');
                    let bytes = BytesMut::with_capacity(size.min(IN_ADVANCE));
                    self.direct = Some(Direct { bytes, left: size, is_short: false });
                    self.link.put_body(Body::Coming(0));
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
