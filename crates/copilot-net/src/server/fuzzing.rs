//! Runs HTTP/1 connections on bytes in memory, without a runtime that turns.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    runtime::{Builder, Runtime},
};

use super::{
    ConnectionInfo, Local, Peer, Request, Responder, ResponseBody, Server, ServerOptions, Service,
    accept::Open,
    connection,
    link::Link,
    socket::{Plain, Stream},
};

/// A request as the service saw it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its target.
    pub target: String,
    /// Its fields, names in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub body: Bytes,
}

/// What became of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Served {
    /// The requests that reached the service.
    pub requests: Vec<Seen>,
    /// All that the client got.
    pub answers: Vec<u8>,
    /// The connection ended: not even a timer is waited for.
    pub over: bool,
}

/// Notes requests and keeps their responders.
#[derive(Default)]
struct Record {
    requests: Mutex<Vec<Seen>>,
    responders: Mutex<Vec<Responder>>,
}

impl Service for Record {
    fn request(&self, request: Request, responder: Responder) -> u64 {
        let Request { head, body, .. } = request;
        let fields = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let (method, target) = (head.method.to_string(), head.uri.to_string());
        let seen = Seen { method, target, fields: fields.collect(), body };
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        self.responders.lock().unwrap_or_else(PoisonError::into_inner).push(responder);
        0
    }

    fn gone(&self, _ticket: u64) {}
}

impl Record {
    /// Answers what waits, and returns whether something did.
    fn answer(&self) -> bool {
        let waiting = std::mem::take(&mut *self.responders.lock().unwrap_or_else(PoisonError::into_inner));
        let any = !waiting.is_empty();
        for responder in waiting {
            let (head, ()) = http::Response::new(()).into_parts();
            responder.respond(head, ResponseBody::Empty);
        }
        any
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// One connection and its client.
struct Talk<'c, F> {
    connection: Pin<&'c mut F>,
    client: DuplexStream,
    woken: Arc<Woken>,
    answers: Vec<u8>,
    over: bool,
}

impl<F: Future<Output = ()>> Talk<'_, F> {
    /// Runs the connection for as long as something is to be done.
    fn run(&mut self) {
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut cx = Context::from_waker(&waker);
        self.woken.0.store(true, Relaxed);
        while self.woken.0.swap(false, Relaxed) {
            if !self.over {
                self.over = self.connection.as_mut().poll(&mut cx).is_ready();
            }
            let mut space = [0; 4096];
            let mut buffer = ReadBuf::new(&mut space);
            while Pin::new(&mut self.client).poll_read(&mut cx, &mut buffer).is_ready() {
                if buffer.filled().is_empty() {
                    break;
                }
                self.answers.extend_from_slice(buffer.filled());
                buffer.clear();
            }
        }
    }
}

fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // Only timers need it, and none of them is ever waited for.
    let runtime = Builder::new_current_thread().enable_time().build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Serves a client that sends `pieces` and ends. Requests are answered as they come or, if `late`, when everything
/// was sent.
///
/// # Errors
///
/// There is no runtime.
pub fn serve(options: ServerOptions, pieces: &[&[u8]], late: bool) -> io::Result<Served> {
    let runtime = runtime()?;
    let _entered = runtime.enter();
    let record = Arc::new(Record::default());
    let service = Arc::clone(&record) as Arc<dyn Service>;
    let server = Server::start(vec![], options, service, runtime.handle())?;
    // Neither side ever waits for room.
    let (client, stream) = duplex(1 << 20);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let info = ConnectionInfo { peer: Peer::Tcp(nowhere), local: Local::Tcp(nowhere), tls: false };
    let place = Arc::clone(&server.shared.places).try_acquire_owned().map_err(io::Error::other)?;
    let link = Arc::new(Link::new(Open::new(&server.shared, place), info, server.stage.subscribe()));
    let plain = Plain::new(Stream::Memory(stream), Arc::clone(&link));
    let connection = pin!(connection::plain(plain, link));
    let mut talk = Talk { connection, client, woken: Arc::default(), answers: Vec::new(), over: false };
    let mut cx = Context::from_waker(Waker::noop());
    for piece in pieces {
        let Poll::Ready(Ok(_)) = Pin::new(&mut talk.client).poll_write(&mut cx, piece) else { break };
        talk.run();
        while !late && record.answer() {
            talk.run();
        }
    }
    while record.answer() {
        talk.run();
    }
    let _ = Pin::new(&mut talk.client).poll_shutdown(&mut cx);
    talk.run();
    let (answers, over) = (talk.answers, talk.over);
    let requests = std::mem::take(&mut *record.requests.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Served { requests, answers, over })
}
