//! Runs the readers of answers on bytes in memory.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Call, Timeouts,
    decoding::Decoder,
    dial::Proxy,
    http1::{Carry, Link},
};

/// What was read of one answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// Status and fields, or why there are none.
    pub head: Result<(u16, Vec<(String, String)>), String>,
    /// The bytes of the body, also those before a failure.
    pub body: Vec<u8>,
    /// Whether the body is whole.
    pub end: Result<(), String>,
    /// The connection would serve another call.
    pub reused: bool,
}

/// Upstream as a script: each piece is one read, and then it closes.
struct Script<'p> {
    pieces: VecDeque<&'p [u8]>,
    sent: u64,
}

impl AsyncRead for Script<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(piece) = self.pieces.pop_front() {
            let (now, later) = piece.split_at(piece.len().min(buffer.remaining()));
            buffer.put_slice(now);
            if !later.is_empty() {
                self.pieces.push_front(later);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.sent += bytes.len() as u64;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Carry for Script<'_> {
    fn sent(&self) -> u64 {
        self.sent
    }
}

/// Reads the answer to `method` from an HTTP/1.1 connection that brings `pieces`, none of them empty, and closes.
#[must_use]
pub fn read_answer(method: &str, pieces: &[&[u8]], header_limit: usize) -> Answered {
    let wait = Duration::from_secs(1);
    let timeouts = Timeouts { connect: wait, first_byte: wait, idle: wait };
    let without = |why| Answered { head: Err(why), body: Vec::new(), end: Ok(()), reused: false };
    let call = match Call::new(method, "http://h/", [], None, timeouts) {
        Ok(call) => call,
        Err(error) => return without(error.to_string()),
    };
    let script = Script { pieces: pieces.iter().copied().collect(), sent: 0 };
    let mut link = Link::new(script);
    link.begin(&call, "h", header_limit);
    let mut cx = Context::from_waker(Waker::noop());
    let head = match link.poll_head(&mut cx) {
        Poll::Ready(Ok(head)) => (head.status, head.headers),
        Poll::Ready(Err(failure)) => return without(failure.why),
        Poll::Pending => return without("nothing wakes the reader".to_owned()),
    };
    let mut body = Vec::new();
    // As its owner does: the connection is free with the last byte, before a look beyond it.
    let end = loop {
        if link.is_complete() {
            break Ok(());
        }
        match link.poll_data(&mut cx) {
            Poll::Ready(Some(Ok(data))) => body.extend_from_slice(&data),
            Poll::Ready(Some(Err(why))) => break Err(why),
            Poll::Ready(None) => break Ok(()),
            Poll::Pending => break Err("nothing wakes the reader".to_owned()),
        }
    };
    // What came beyond the answer is noticed before the next call.
    let reused = end.is_ok() && link.recycle() && link.stream.pieces.is_empty();
    Answered { head: Ok(head), body, end, reused }
}

/// Undoes a content encoding. Returns all that was given away, and whether it ended well; None for an encoding
/// that is none or unknown.
#[must_use]
pub fn decode(encoding: &str, pieces: &[&[u8]]) -> Option<(Vec<u8>, Result<(), &'static str>)> {
    let mut decoder = Decoder::of(encoding).ok().flatten()?;
    let mut plain = Vec::new();
    for piece in pieces {
        decoder.feed(Bytes::copy_from_slice(piece));
        loop {
            match decoder.next() {
                Ok(Some(piece)) => plain.extend_from_slice(&piece),
                Ok(None) => break,
                Err(why) => return Some((plain, Err(why))),
            }
        }
    }
    let end = decoder.finish();
    Some((plain, end))
}

/// Reads a proxy setting as a connection would.
///
/// # Errors
///
/// What a log would say about it.
pub fn read_proxy(url: &str) -> Result<(), String> {
    Proxy::read(url).map(drop).map_err(|error| error.to_string())
}
