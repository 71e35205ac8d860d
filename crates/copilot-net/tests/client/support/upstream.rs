//! An upstream that plays scripts of bytes on raw sockets, and remembers what it saw.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::PATIENCE;

/// What a connection does next.
pub(crate) enum Step {
    /// Reads one request, body and all.
    Request,
    /// Reads the header section of a request only.
    Head,
    Send(Vec<u8>),
    /// Reads so many bytes after a header section.
    Read(usize),
    /// Sends the same again and again, for as long as the peer takes it.
    Flood(Vec<u8>),
    /// Waits for the test.
    Wait(Arc<Notify>),
    /// Reads until the peer closes.
    UntilClosed,
    /// Ends its side and reads on.
    Finish,
    /// Closes with a reset.
    Reset,
}

pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// An answer with a body of known length.
pub(crate) fn answer(body: &str) -> Step {
    send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    /// Connections whose peer closed or reset them.
    pub(crate) closed: usize,
    /// Bytes that the operating system took.
    pub(crate) sent: usize,
    /// How often the peer took no more for a while.
    pub(crate) stalls: usize,
}

/// Peers share this: it outlives them.
#[derive(Clone)]
pub(crate) struct Record {
    counts: Arc<watch::Sender<Counts>>,
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            counts: Arc::new(watch::channel(Counts::default()).0),
            heads: Arc::default(),
            bodies: Arc::default(),
        }
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until the counts are as wanted.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Counts) -> bool) {
        let mut counts = self.counts.subscribe();
        let reached = timeout(PATIENCE, counts.wait_for(wanted)).await;
        assert!(reached.is_ok(), "waited in vain: {:?}", self.counts());
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn keep_head(&self, head: String) {
        self.heads.lock().unwrap().push(head);
    }

    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().unwrap().clone()
    }

    /// Reads one request from `stream`, whose bytes so far are in `buffer`; false at its end.
    pub(crate) async fn request(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
        with_body: bool,
    ) -> bool {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
                return false;
            }
        };
        let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        self.heads.lock().unwrap().push(head);
        if with_body {
            while buffer.len() < length {
                if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
                    return false;
                }
            }
            self.bodies.lock().unwrap().push(buffer.drain(..length).collect());
        }
        self.note(|counts| counts.requests += 1);
        true
    }
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) record: Record,
}

impl Upstream {
    /// Every connection plays the next script; further ones play the last.
    pub(crate) async fn play(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self::play_over(scripts, None).await
    }

    /// The same, over TLS when there is an acceptor.
    pub(crate) async fn play_over(
        scripts: impl IntoIterator<Item = Vec<Step>>,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Record::new();
        let kept = record.clone();
        let mut scripts = scripts.into_iter().map(Arc::new).collect::<Vec<_>>().into_iter().peekable();
        tokio::spawn(async move {
            let mut last = None;
            while let Ok((socket, _)) = listener.accept().await {
                record.note(|counts| counts.connections += 1);
                last = scripts.next().or(last);
                let script = Arc::clone(last.as_ref().unwrap());
                let (record, tls) = (record.clone(), tls.clone());
                tokio::spawn(async move { play(socket, tls, &script, &record).await });
            }
        });
        Self { address, record: kept }
    }

    pub(crate) async fn one(script: Vec<Step>) -> Self {
        Self::play([script]).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// By a name that certificates know.
    pub(crate) fn secure_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }
}

async fn play(mut socket: TcpStream, tls: Option<TlsAcceptor>, script: &[Step], record: &Record) {
    socket.set_nodelay(true).unwrap();
    if script.iter().any(|step| matches!(step, Step::Reset)) {
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let played = match tls {
        None => speak(&mut socket, script, record).await,
        Some(tls) => match tls.accept(socket).await {
            Ok(mut stream) => speak(&mut stream, script, record).await,
            Err(_) => None,
        },
    };
    if played.is_none() {
        record.note(|counts| counts.closed += 1);
    }
}

/// Plays a script; None when the peer closed.
async fn speak(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    script: &[Step],
    record: &Record,
) -> Option<()> {
    let mut buffer = Vec::new();
    for step in script {
        match step {
            Step::Request | Step::Head => {
                let whole = matches!(step, Step::Request);
                record.request(stream, &mut buffer, whole).await.then_some(())?;
            }
            Step::Send(bytes) => {
                stream.write_all(bytes).await.ok()?;
                stream.flush().await.ok()?;
                record.note(|counts| counts.sent += bytes.len());
            }
            Step::Read(count) => {
                while buffer.len() < *count {
                    stream.read_buf(&mut buffer).await.ok().filter(|&read| read > 0)?;
                }
                buffer.drain(..*count);
                record.note(|counts| counts.requests += 1);
            }
            Step::Flood(bytes) => loop {
                let writing = poll_fn(|cx| {
                    let polled = Pin::new(&mut *stream).poll_write(cx, bytes);
                    if polled.is_pending() {
                        record.note(|counts| counts.stalls += 1);
                    }
                    polled
                });
                let sent = writing.await.ok()?;
                record.note(|counts| counts.sent += sent);
            },
            Step::Wait(event) => event.notified().await,
            Step::UntilClosed => loop {
                stream.read_buf(&mut buffer).await.ok().filter(|&read| read > 0)?;
                buffer.clear();
            },
            Step::Finish => stream.shutdown().await.ok()?,
            Step::Reset => return Some(()),
        }
    }
    Some(())
}
