//! A server with a scripted service, and a client that sends what it is told to.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use copilot_net::server::{
    Listener, Request, Responder, ResponseBody, Server, ServerOptions, ServerStats, Service,
};
use http::{HeaderName, HeaderValue, response::Parts};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    sync::mpsc,
    time::timeout,
};

/// Longer than anything takes on a busy machine.
const HANG: Duration = Duration::from_secs(30);

/// Fails when `future` does not end.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(HANG, future).await.unwrap_or_else(|_| panic!("nothing happened for {HANG:?}"))
}

#[expect(clippy::large_enum_variant, reason = "there are few")]
pub(crate) enum Event {
    Request(u64, Request, Responder),
    Gone(u64),
}

type Script = dyn Fn(Request, Responder) + Send + Sync;

/// Tells what the server calls, or answers by a script.
pub(crate) struct Recorder {
    events: mpsc::UnboundedSender<Event>,
    tickets: AtomicU64,
    script: Option<Box<Script>>,
}

impl Service for Recorder {
    fn request(&self, request: Request, responder: Responder) -> u64 {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        match &self.script {
            Some(script) => script(request, responder),
            None => drop(self.events.send(Event::Request(ticket, request, responder))),
        }
        ticket
    }

    fn gone(&self, ticket: u64) {
        let _ = self.events.send(Event::Gone(ticket));
    }
}

pub(crate) struct Host {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    service: Arc<Recorder>,
}

impl Host {
    /// A server whose requests the test answers.
    pub(crate) fn new(options: ServerOptions) -> Self {
        Self::with(vec![], options, None)
    }

    /// A server that answers by `script`.
    pub(crate) fn scripted(
        options: ServerOptions,
        script: impl Fn(Request, Responder) + Send + Sync + 'static,
    ) -> Self {
        Self::with(vec![], options, Some(Box::new(script)))
    }

    /// A server that answers each request with its method, target and body.
    pub(crate) fn echoing(options: ServerOptions) -> Self {
        Self::scripted(options, echo)
    }

    pub(crate) fn with(
        mut listeners: Vec<Listener>,
        options: ServerOptions,
        script: Option<Box<Script>>,
    ) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        listeners.push(Listener::Tcp(listener));
        let (sender, events) = mpsc::unbounded_channel();
        let service = Arc::new(Recorder { events: sender, tickets: AtomicU64::new(0), script });
        let server =
            Server::start(listeners, options, Arc::clone(&service) as Arc<dyn Service>, &Handle::current())
                .unwrap();
        Self { server, address, events, service }
    }

    /// How many requests the service saw.
    pub(crate) fn seen(&self) -> u64 {
        self.service.tickets.load(Ordering::SeqCst)
    }

    pub(crate) fn stats(&self) -> ServerStats {
        self.server.stats()
    }

    pub(crate) async fn client(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    pub(crate) async fn request(&mut self) -> (u64, Request, Responder) {
        match within(self.events.recv()).await {
            Some(Event::Request(ticket, request, responder)) => (ticket, request, responder),
            Some(Event::Gone(ticket)) => panic!("{ticket} is gone"),
            None => panic!("the service is gone"),
        }
    }

    pub(crate) async fn gone(&mut self) -> u64 {
        match within(self.events.recv()).await {
            Some(Event::Gone(ticket)) => ticket,
            Some(Event::Request(_, request, _)) => panic!("{} came", request.head.uri),
            None => panic!("the service is gone"),
        }
    }

    /// Ends the server, and fails if the service was told anything more.
    pub(crate) async fn nothing_more(mut self) {
        self.server.abort();
        within(self.server.drained()).await;
        match self.events.try_recv() {
            Ok(Event::Gone(ticket)) => panic!("{ticket} is gone"),
            Ok(Event::Request(_, request, _)) => panic!("{} came", request.head.uri),
            Err(_) => {}
        }
    }
}

pub(crate) fn head(status: u16, fields: &[(&'static str, &'static str)]) -> Parts {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = status.try_into().unwrap();
    for (name, value) in fields {
        head.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    head
}

pub(crate) fn whole(text: impl Into<Bytes>) -> ResponseBody {
    ResponseBody::Whole(text.into())
}

#[expect(clippy::needless_pass_by_value, reason = "a script is called so")]
pub(crate) fn echo(request: Request, responder: Responder) {
    let body = String::from_utf8_lossy(&request.body);
    let text = format!("{} {} {body}", request.head.method, request.head.uri);
    responder.respond(head(200, &[]), whole(text));
}

/// A header section and a body as a client reads them.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(crate) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }

    /// The message of an error in the form of chat completions, which all of it must have.
    pub(crate) fn openai_error(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/json"));
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let error = &body["error"];
        assert!(error["param"].is_null() && error["code"].is_string() && error["type"].is_string());
        error["message"].as_str().unwrap().to_owned()
    }
}

/// What [`Client::read`] expects of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    Body,
    /// As after HEAD.
    Nothing,
}

pub(crate) struct Client<S> {
    pub(crate) socket: S,
    pub(crate) buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.socket.write_all(bytes.as_ref())).await.unwrap();
        within(self.socket.flush()).await.unwrap();
    }

    /// Sends what the server may not want to read to its end.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within(self.socket.write_all(bytes.as_ref())).await.is_ok()
            && within(self.socket.flush()).await.is_ok()
    }

    /// Reads something, and returns whether there was anything.
    pub(crate) async fn fill(&mut self) -> bool {
        matches!(within(self.socket.read_buf(&mut self.buffer)).await, Ok(1..))
    }

    /// Reads until the server closes.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        while self.fill().await {}
        self.buffer
    }

    /// Whether the server closes without another word.
    pub(crate) async fn ends(mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return self.buffer.drain(..at + end.len()).collect();
            }
            assert!(self.fill().await, "closed behind {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    async fn exactly(&mut self, size: usize) -> Vec<u8> {
        while self.buffer.len() < size {
            assert!(self.fill().await, "closed behind {} bytes of {size}", self.buffer.len());
        }
        self.buffer.drain(..size).collect()
    }

    pub(crate) async fn head(&mut self) -> Answer {
        let bytes = self.until(b"\r\n\r\n").await;
        let text = String::from_utf8(bytes).unwrap();
        let (first, fields) = text.trim_end().split_once("\r\n").unwrap_or((text.trim_end(), ""));
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let fields = fields.lines().map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Answer { status, fields, body: Vec::new() }
    }

    /// Reads one chunk, None at the end of the body.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.until(b"\r\n").await;
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim_end(), 16).unwrap();
        let mut chunk = self.exactly(size + 2).await;
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// Reads one answer.
    pub(crate) async fn read(&mut self, expect: Expect) -> Answer {
        let mut answer = self.head().await;
        if expect == Expect::Nothing || matches!(answer.status, 100 | 204 | 304) {
            return answer;
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                answer.body.extend(chunk);
            }
        } else if let Some(length) = answer.field("content-length") {
            answer.body = self.exactly(length.parse().unwrap()).await;
        } else {
            while self.fill().await {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        answer
    }

    /// Sends one request and reads its answer.
    pub(crate) async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes).await;
        self.read(Expect::Body).await
    }
}

/// A request without a body.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A request with a body.
pub(crate) fn post(target: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
}
