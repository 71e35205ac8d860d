//! As much of HTTP/1.1 as both ends need, on bare sockets so that nothing is hidden or buffered twice.

use std::fmt::Write;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PIECE: usize = 64 * 1024;
const HEAD_LIMIT: usize = 64 * 1024;

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// The header section of a request or an answer.
pub(crate) struct Head {
    /// Request line or status line.
    pub(crate) first: String,
    pub(crate) framing: Framing,
    pub(crate) close: bool,
}

impl Head {
    fn parse(bytes: &[u8], default: Framing) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("a header section is not text"))?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let (mut framing, mut close) = (default, false);
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                framing = Framing::Length(value.parse().map_err(|_| malformed("a bad content-length"))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                framing = Framing::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                close = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(Self { first, framing, close: close || framing == Framing::UntilClose })
    }

    /// The status of an answer, 0 if there is none.
    pub(crate) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

/// A connection with what was read from it and not used yet.
pub(crate) struct Wire {
    socket: TcpStream,
    buffer: BytesMut,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: BytesMut::with_capacity(PIECE) })
    }

    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        Self::new(TcpStream::connect(address).await?)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes).await
    }

    async fn fill(&mut self) -> Result<bool> {
        self.fill_up_to(PIECE).await
    }

    async fn fill_up_to(&mut self, room: usize) -> Result<bool> {
        self.buffer.reserve(room);
        Ok(self.socket.read_buf(&mut self.buffer).await? > 0)
    }

    async fn must_fill(&mut self) -> Result<()> {
        if self.fill().await? { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Read a header section; None when the peer closed before one began. `default` is the framing of a
    /// body that has no header about it.
    pub(crate) async fn head(&mut self, default: Framing) -> Result<Option<Head>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = Head::parse(self.buffer.get(..end).unwrap_or_default(), default)?;
                self.buffer.advance(end + 4);
                return Ok(Some(head));
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(malformed("a header section without an end"));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Read a whole body and show it to `see`, without a copy where its length was said.
    pub(crate) async fn whole<T>(&mut self, framing: Framing, see: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let Framing::Length(length) = framing else {
            let mut body = Vec::new();
            self.body(framing, |piece| body.extend_from_slice(piece)).await?;
            return Ok(see(&body));
        };
        while self.buffer.len() < length {
            if !self.fill_up_to(PIECE.max(length - self.buffer.len())).await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let seen = see(self.buffer.get(..length).unwrap_or_default());
        self.buffer.advance(length);
        Ok(seen)
    }

    /// Read a body to its end and hand each piece on as it comes.
    pub(crate) async fn body(&mut self, framing: Framing, mut on: impl FnMut(&[u8])) -> Result<()> {
        match framing {
            Framing::Length(length) => self.exactly(length, &mut on).await,
            Framing::UntilClose => loop {
                on(&self.buffer);
                self.buffer.clear();
                if !self.fill().await? {
                    return Ok(());
                }
            },
            Framing::Chunked => loop {
                let line = self.line().await?;
                let digits =
                    <[u8]>::split(&line, |byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                let size = std::str::from_utf8(digits)
                    .ok()
                    .and_then(|digits| usize::from_str_radix(digits, 16).ok())
                    .ok_or_else(|| malformed("a bad chunk size"))?;
                if size == 0 {
                    while !self.line().await?.is_empty() {}
                    return Ok(());
                }
                self.exactly(size, &mut on).await?;
                if !self.line().await?.is_empty() {
                    return Err(malformed("a chunk that is longer than it says"));
                }
            },
        }
    }

    async fn exactly(&mut self, mut length: usize, on: &mut impl FnMut(&[u8])) -> Result<()> {
        while length > 0 {
            if self.buffer.is_empty() {
                self.must_fill().await?;
            }
            let piece = length.min(self.buffer.len());
            on(self.buffer.get(..piece).unwrap_or_default());
            self.buffer.advance(piece);
            length -= piece;
        }
        Ok(())
    }

    async fn line(&mut self) -> Result<BytesMut> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let mut line = self.buffer.split_to(end + 1);
                line.truncate(end.saturating_sub(1));
                return Ok(line);
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(malformed("a chunk size without an end"));
            }
            self.must_fill().await?;
        }
    }
}

/// The bytes of a request; without a body it is a GET.
pub(crate) fn request(address: SocketAddr, path: &str, body: Option<&[u8]>) -> Vec<u8> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: load\r\naccept: */*\r\n\
         anthropic-version: 2023-06-01\r\n"
    );
    if let Some(body) = body {
        let length = body.len();
        let _ = write!(head, "content-type: application/json\r\ncontent-length: {length}\r\n");
    }
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    bytes
}
