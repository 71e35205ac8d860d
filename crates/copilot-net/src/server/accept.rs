//! Accepts connections, within what the server and the system can hold.
//!
//! Beyond `max_connections` a client is answered 503 with `Retry-After` at once instead of waiting in the
//! system's queue: it learns why, health checks included, and an idle crowd cannot make the gateway look hung.
//! That needs a connection too, so it is done for a few at a time; beyond these, accepting pauses.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{OwnedSemaphorePermit, watch},
    time::sleep,
};

use super::{
    ConnectionInfo, Local, Peer, Shared, connection,
    link::Link,
    socket::{Plain, Stream},
    stages::Stage,
};

/// Connections that are answered 503 at the same time.
pub(super) const SURPLUS: usize = 64;

/// Out of descriptors, accepting is tried again so late, or when a connection ends.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// A socket that listens.
pub(super) enum Door {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, Arc<std::path::Path>),
}

/// Accepts until the server stops.
pub(super) async fn run(door: Door, shared: Arc<Shared>, mut stage: watch::Receiver<Stage>, handle: Handle) {
    let mut pause = PAUSE;
    let connections = stage.clone();
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&shared.places).acquire_owned().await else { return };
            match door.accept().await {
                Ok((stream, peer, local)) => {
                    pause = PAUSE;
                    let open = Open::new(&shared, place);
                    let info = ConnectionInfo { peer, local, tls: shared.tls.is_some() };
                    let link = Arc::new(Link::new(open, info, connections.clone()));
                    let plain = Plain::new(stream, Arc::clone(&link));
                    match &shared.tls {
                        None => drop(handle.spawn(connection::plain(plain, link))),
                        Some(tls) => drop(handle.spawn(connection::tls(plain, link, tls.clone()))),
                    }
                }
                Err(error) if is_of_connection(&error) => {}
                Err(_) => {
                    shared.counters.pauses.add();
                    tokio::select! {
                        () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                        () = shared.freed.notified() => {}
                    }
                }
            }
        }
    };
    tokio::select! {
        _ = stage.wait_for(|stage| *stage != Stage::Serving) => {}
        () = accepting => {}
    }
}

/// Whether only the connection failed that was to be accepted.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | TimedOut)
}

impl Door {
    async fn accept(&self) -> io::Result<(Stream, Peer, Local)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Without it a small frame waits for the acknowledgement of the one before, up to 40 ms.
                let _ = stream.set_nodelay(true);
                let local = stream.local_addr().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
                Ok((Stream::Tcp(stream), Peer::Tcp(peer), Local::Tcp(local)))
            }
            #[cfg(unix)]
            Self::Unix(listener, path) => {
                let (stream, _) = listener.accept().await?;
                let process = stream.peer_cred().ok();
                let peer = Peer::Unix {
                    uid: process.as_ref().map(tokio::net::unix::UCred::uid),
                    pid: process.and_then(|process| process.pid()),
                };
                Ok((Stream::Unix(stream), peer, Local::Unix(Arc::clone(path))))
            }
        }
    }
}

/// One open connection as the server counts it.
pub(super) struct Open {
    pub(super) shared: Arc<Shared>,
    /// Its requests are answered 503: the server was full when the client came.
    pub(super) is_surplus: bool,
    place: Option<OwnedSemaphorePermit>,
}

impl Open {
    pub(super) fn new(shared: &Arc<Shared>, place: OwnedSemaphorePermit) -> Self {
        shared.counters.accepted.add();
        let is_surplus = shared.counters.stats().connections > shared.options.max_connections as u64;
        Self { shared: Arc::clone(shared), is_surplus, place: Some(place) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.place.take());
        self.shared.counters.closed.add();
        self.shared.freed.notify_waiters();
    }
}
