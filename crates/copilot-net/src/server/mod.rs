//! The listener: HTTP/1.1, HTTP/1.0 and HTTP/2 over TCP, TLS and Unix sockets.
//!
//! A [`Service`] gets whole requests, read within the limits of [`ServerOptions`], and answers each through its
//! [`Responder`] from any thread. The way of a request: `accept` counts and admits the connection,
//! `http1` or `http2` drives it under the clock of `keeper`, `wire` shows hyper one request at a time after `screen`
//! has judged its framing, `handler` reads it and hands it over, `reply` carries the answer back. An
//! HTTP/1 connection is one task; a request costs one oneshot and no task, timer or box of its own.
//!
//! What the server answers itself is JSON in the dialect of the path: see `refusal`.

mod accept;
mod channel;
mod chunks;
mod connection;
mod counters;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod gather;
mod guard;
mod handler;
mod head;
mod http1;
mod http2;
mod keeper;
mod link;
mod options;
mod owners;
mod refusal;
mod reply;
mod screen;
mod socket;
mod stages;
#[cfg(test)]
mod virtual_time;
mod wire;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use hyper::server::conn::http1::Builder;
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;

pub use self::{
    channel::{BodySender, ChannelBody, TrySendError, channel},
    counters::ServerStats,
    guard::Guard,
    options::ServerOptions,
    reply::{BoxBody, Responder, ResponseBody},
};

use self::{
    accept::Door,
    counters::Counters,
    owners::Owners,
    stages::{Stage, Stages},
};

/// Answers requests.
pub trait Service: Send + Sync + 'static {
    /// Takes one whole request; head and body were read within the limits. Called on a worker of the runtime,
    /// which it must not block. Returns the ticket that names the request in [`gone`](Self::gone). A panic
    /// answers 500 and ends nothing else.
    fn request(&self, request: Request, responder: Responder) -> u64;

    /// The client went away before the answer was whole, also before it began. Called at most once a request,
    /// never after hyper has the whole answer, and not when the service broke its answer off itself.
    fn gone(&self, ticket: u64);

    /// The guard refused a request, with this status and for this reason. Called where
    /// [`request`](Self::request) would have been.
    fn denied(&self, _head: &http::request::Parts, _status: http::StatusCode, _reason: &str) {}
}

/// One request.
pub struct Request {
    /// Method, target, version and fields. There is exactly one `Host`, for HTTP/2 too.
    pub head: http::request::Parts,
    /// The whole body.
    pub body: Bytes,
    /// What it came over.
    pub connection: Arc<ConnectionInfo>,
}

/// A connection.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The client.
    pub peer: Peer,
    /// Where it was accepted.
    pub local: Local,
    /// Whether it is encrypted.
    pub tls: bool,
}

/// The client's end of a connection. Over TCP, both addresses together identify the client's socket for the
/// kernel's `sock_diag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An address.
    Tcp(SocketAddr),
    /// A process of this machine, as the kernel named it when it connected.
    Unix {
        /// The user.
        uid: Option<u32>,
        /// The process.
        pid: Option<i32>,
    },
}

/// The server's end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// An address.
    Tcp(SocketAddr),
    /// The path of the socket, empty if it has none.
    Unix(Arc<std::path::Path>),
}

/// A socket that is bound and listens.
pub enum Listener {
    /// TCP, IPv4 or IPv6.
    Tcp(std::net::TcpListener),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// What all connections of a server share.
struct Shared {
    options: ServerOptions,
    service: Arc<dyn Service>,
    counters: Counters,
    stages: Stages,
    tls: Option<TlsAcceptor>,
    http1: Builder,
    places: Arc<Semaphore>,
    /// Who may come in, as of now.
    guard: RwLock<Option<Arc<Guard>>>,
    /// If there is a guard that may want to know whose connections are, and the system tells.
    owners: Option<Owners>,
    /// A connection ended: its descriptor may be what accepting waits for.
    freed: Notify,
}

impl Shared {
    fn guard(&self) -> Option<Arc<Guard>> {
        self.guard.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A server that runs. Dropped, it aborts.
pub struct Server {
    shared: Arc<Shared>,
    stage: watch::Sender<Stage>,
}

/// hyper refuses to buffer less, and a header section has to fit.
const BUFFER: usize = 64 * 1024;

impl Server {
    /// Serves on `listeners`, on the runtime of `handle`.
    ///
    /// # Errors
    ///
    /// A listener cannot be given to the runtime, or the guard wants to know whose connections are and the system
    /// does not tell.
    pub fn start(
        listeners: Vec<Listener>,
        options: ServerOptions,
        service: Arc<dyn Service>,
        handle: &Handle,
    ) -> io::Result<Self> {
        let _entered = handle.enter();
        let doors = listeners.into_iter().map(Door::new).collect::<io::Result<Vec<_>>>()?;
        let owners = match &options.guard {
            None => None,
            Some(guard) if guard.same_user => Some(Owners::open()?),
            // A later one may want to know.
            Some(_) => Owners::open().ok(),
        };
        let mut http1 = Builder::new();
        // Header sections are timed and limited in front of hyper.
        http1.header_read_timeout(None).max_buf_size(BUFFER.max(options.header_limit.saturating_add(1)));
        // Each listener has a place ready for whoever comes.
        let places = options.max_connections.saturating_add(accept::SURPLUS).saturating_add(doors.len());
        let shared = Arc::new(Shared {
            tls: options.tls.as_ref().map(acceptor),
            guard: RwLock::new(options.guard.clone()),
            options,
            service,
            counters: Counters::default(),
            stages: Stages::default(),
            http1,
            owners,
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            freed: Notify::new(),
        });
        let stage = watch::Sender::new(Stage::Serving);
        for door in doors {
            handle.spawn(accept::run(door, Arc::clone(&shared), stage.subscribe(), handle.clone()));
        }
        Ok(Self { shared, stage })
    }

    /// Closes the listeners and tells connections to end: idle ones at once, the others with the answer that they
    /// owe (`Connection: close`).
    pub fn stop_accepting(&self) {
        self.enter(Stage::Draining);
    }

    /// Judges requests by `guard` from now on. One that wants to know whose connections are refuses all where the
    /// system does not tell, and if there was none at the start.
    pub fn judge_by(&self, guard: Option<Arc<Guard>>) {
        *self.shared.guard.write().unwrap_or_else(PoisonError::into_inner) = guard;
    }

    /// Waits until the listeners are closed and the last connection ended.
    pub async fn drained(&self) {
        self.stage.closed().await;
    }

    /// Cuts everything. Requests in flight are told as `gone`.
    pub fn abort(&self) {
        self.enter(Stage::Aborted);
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        self.shared.counters.stats()
    }

    fn enter(&self, stage: Stage) {
        self.shared.stages.enter(stage, &self.stage);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.abort();
    }
}

fn acceptor(config: &Arc<rustls::ServerConfig>) -> TlsAcceptor {
    let mut config = Arc::clone(config);
    if config.alpn_protocols.is_empty() {
        Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    TlsAcceptor::from(config)
}

impl Door {
    fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Self::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
            #[cfg(unix)]
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                let path = Arc::from(address.as_pathname().unwrap_or(std::path::Path::new("")));
                Self::Unix(tokio::net::UnixListener::from_std(listener)?, path)
            }
        })
    }
}
