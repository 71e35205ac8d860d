//! An HTTP/2 upstream that the test plays frame by frame: what a library would not send can be sent.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{PATIENCE, client_in, tls::Certificate};
use copilot_net::client::Client;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// `:status: 200` and `:status: 100`, the latter as a literal.
pub(crate) const OK: &[u8] = &[0x88];
pub(crate) const CONTINUE: &[u8] = b"\x08\x03100";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The number at the end of a reset, a goodbye or a window update.
    pub(crate) fn number(&self) -> u32 {
        u32::from_be_bytes(self.payload[self.payload.len() - 4..].try_into().unwrap())
    }
}

pub(crate) struct Peer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    certificate: Certificate,
    address: SocketAddr,
}

impl Peer {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let certificate = Certificate::new();
        let address = listener.local_addr().unwrap();
        Self { listener, acceptor: certificate.acceptor(&["h2", "http/1.1"]), certificate, address }
    }

    pub(crate) fn client(&self) -> Client {
        client_in(&[("SSL_CERT_FILE", &self.certificate.file())])
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/path?query", self.address.port())
    }

    /// The next connection, before its preface.
    pub(crate) async fn accept_tls(&self) -> TlsStream<TcpStream> {
        let (socket, _) = timeout(PATIENCE, self.listener.accept()).await.expect("nobody connects").unwrap();
        socket.set_nodelay(true).unwrap();
        self.acceptor.accept(socket).await.unwrap()
    }

    /// The next connection, with `settings` sent.
    pub(crate) async fn accept_with(&self, settings: &[(u16, u32)]) -> Wire {
        let mut stream = self.accept_tls().await;
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut wire = Wire { stream, answers_pings: true };
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
            .collect();
        wire.send(SETTINGS, 0, 0, &payload).await;
        wire
    }

    pub(crate) async fn accept(&self) -> Wire {
        self.accept_with(&[]).await
    }

    /// Whether nobody is waiting to be accepted.
    pub(crate) async fn is_left_alone(&self) -> bool {
        tokio::select! {
            biased;
            _ = self.listener.accept() => false,
            () = tokio::task::yield_now() => true,
        }
    }
}

pub(crate) struct Wire {
    stream: TlsStream<TcpStream>,
    pub(crate) answers_pings: bool,
}

impl Wire {
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        assert!(self.try_send(kind, flags, stream, payload).await, "the connection ended");
    }

    /// Sends a frame; false when the connection ended.
    pub(crate) async fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The next frame; None at the end. Settings are acknowledged, pings answered.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 9];
            let read = timeout(PATIENCE, self.stream.read_exact(&mut head)).await.expect("nothing comes");
            read.ok()?;
            let [high, middle, low, kind, flags, id @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
            self.stream.read_exact(&mut payload).await.ok()?;
            let frame = Frame { kind, flags, stream: u32::from_be_bytes(id), payload };
            match (kind, flags & ACK) {
                (SETTINGS, 0) => self.send(SETTINGS, ACK, 0, &[]).await,
                (SETTINGS, _) => {}
                (PING, 0) => {
                    if self.answers_pings {
                        self.send(PING, ACK, 0, &frame.payload).await;
                    }
                    return Some(frame);
                }
                _ => return Some(frame),
            }
        }
    }

    /// The next frame of a kind; others are passed over.
    pub(crate) async fn next(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().await.expect("the connection ended");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// Reads until a request is whole; returns its stream and the size of its body.
    pub(crate) async fn request(&mut self) -> (u32, usize) {
        let mut size = 0;
        loop {
            let frame = self.frame().await.expect("the connection ended");
            if frame.kind == DATA {
                size += frame.payload.len();
            }
            if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
                return (frame.stream, size);
            }
        }
    }

    pub(crate) async fn headers(&mut self, stream: u32, block: &[u8], end: bool) {
        self.send(HEADERS, END_HEADERS | if end { END_STREAM } else { 0 }, stream, block).await;
    }

    pub(crate) async fn data(&mut self, stream: u32, bytes: &[u8], end: bool) {
        self.send(DATA, if end { END_STREAM } else { 0 }, stream, bytes).await;
    }

    /// A whole answer.
    pub(crate) async fn answer(&mut self, stream: u32, body: &str) {
        self.headers(stream, OK, false).await;
        self.data(stream, body.as_bytes(), true).await;
    }

    pub(crate) async fn reset(&mut self, stream: u32, code: u32) {
        self.send(RST_STREAM, 0, stream, &code.to_be_bytes()).await;
    }

    pub(crate) async fn go_away(&mut self, last: u32, code: u32) {
        self.send(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat()).await;
    }

    /// Everything that the client sends in answer to what was sent up to now.
    pub(crate) async fn settle(&mut self) -> Vec<Frame> {
        self.send(PING, 0, 0, b"settled?").await;
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await.expect("the connection ended");
            if frame.kind == PING && frame.flags & ACK != 0 {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// Waits for the end; what comes before it is passed over.
    pub(crate) async fn closed(&mut self) {
        while self.frame().await.is_some() {}
    }
}
