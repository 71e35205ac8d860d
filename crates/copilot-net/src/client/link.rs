//! One connection as hyper gets it, with a record of what happened on it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect::{CaptureConnection, Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream: TCP, TLS, or one of them through a proxy.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to the host of a call.
pub(super) struct Link {
    stream: Box<dyn Stream>,
    h2: bool,
    record: Record,
}

impl Link {
    pub(super) fn new(stream: Box<dyn Stream>, h2: bool) -> Self {
        Self { stream, h2, record: Record::default() }
    }
}

/// What a failed request is judged by; shared with the requests on the connection.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<Counters>);

#[derive(Default)]
struct Counters {
    read: AtomicU64,
    written: AtomicBool,
    answered: AtomicBool,
}

impl Record {
    /// The record of the connection that a request was given; None before that.
    pub(super) fn of(captured: &CaptureConnection) -> Option<Self> {
        let mut extensions = http::Extensions::new();
        captured.connection_metadata().as_ref()?.get_extras(&mut extensions);
        extensions.remove()
    }

    /// A header section has come: from now on the connection counts as used.
    pub(super) fn answered(&self) {
        self.0.answered.store(true, Ordering::Relaxed);
    }
}

/// The state of a connection when a request was given to it.
pub(super) struct Mark {
    record: Record,
    read: u64,
    reused: bool,
}

impl Mark {
    pub(super) fn new(record: Record) -> Self {
        let read = record.0.read.load(Ordering::Relaxed);
        let reused = record.0.answered.load(Ordering::Relaxed);
        Self { record, read, reused }
    }

    /// Whether this is a mark on the connection of `record`.
    pub(super) fn is_on(&self, record: &Record) -> bool {
        Arc::ptr_eq(&self.record.0, &record.0)
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// The connection failed before anything at all went out on it.
    pub(super) fn nothing_written(&self) -> bool {
        !self.record.0.written.load(Ordering::Relaxed)
    }

    /// The connection was a used one, and not a byte has come since the mark: a peer that is there would have
    /// sent a window update, a ping or another stream's data.
    pub(super) fn closed_while_idle(&self) -> bool {
        self.reused && self.record.0.read.load(Ordering::Relaxed) == self.read
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.record.clone());
        if self.h2 { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let came = buffer.filled().len() - before;
        if came > 0 {
            self.record.0.read.fetch_add(came as u64, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Link {
    fn note(&self, polled: &Poll<io::Result<usize>>) {
        if matches!(polled, Poll::Ready(Ok(written)) if *written > 0) {
            self.record.0.written.store(true, Ordering::Relaxed);
        }
    }
}
