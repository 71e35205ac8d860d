//! The connections to one host: idle ones of HTTP/1.1, shared ones of HTTP/2.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Handle, time::sleep};

use super::{
    dial::{DialError, Dialer, Proxy, Target},
    errors::{CallError, reason},
    http1::Link,
    http2::{Place, Shared},
    moment::Moment,
};

/// Idle connections are dropped before upstream's own limit near 60 s (D-H12, R-39).
pub(super) const IDLE: Duration = Duration::from_secs(20);

/// A host, by scheme and authority.
pub(super) struct Host {
    target: Target,
    /// What calls are sent to: the `host` field.
    authority: String,
    proxy: Result<Option<Proxy>, DialError>,
    /// How many connections may be idle.
    most: usize,
    connections: Mutex<Connections>,
    /// Held while connecting to a host that may speak HTTP/2: a burst of calls shall share one connection.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Connections {
    /// The one used last is taken first: the others may rest until they expire.
    idle: Vec<(Box<Link>, Moment)>,
    shared: Vec<Arc<Shared>>,
    /// The host has chosen HTTP/1.1.
    plain: bool,
    /// A task drops what expires.
    swept: bool,
}

/// What a call is sent on.
pub(super) enum Carrier {
    Link(Box<Link>),
    Place(Place),
}

impl Host {
    pub(super) fn new(
        target: Target,
        authority: String,
        proxy: Result<Option<Proxy>, DialError>,
        most: usize,
    ) -> Self {
        let connections = Mutex::new(Connections { plain: !target.secure, ..Connections::default() });
        Self { target, authority, proxy, most, connections, turn: tokio::sync::Mutex::default() }
    }

    /// The host without its port, for messages.
    pub(super) fn name(&self) -> &str {
        &self.target.host
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns a connection that is there and can take a call.
    pub(super) fn take(&self) -> Option<Carrier> {
        let mut connections = self.connections();
        while let Some((mut link, since)) = connections.idle.pop() {
            if since.age() < IDLE && link.is_quiet() {
                return Some(Carrier::Link(link));
            }
        }
        connections.shared.retain(|shared| shared.is_open());
        connections.shared.iter().find_map(|shared| shared.place(false)).map(Carrier::Place)
    }

    /// Makes a connection, or waits for the one that another call is making.
    pub(super) async fn connect(
        self: &Arc<Self>,
        dialer: &Dialer,
        header_limit: usize,
    ) -> Result<Carrier, CallError> {
        let mut turn = None;
        if !self.connections().plain {
            turn = Some(self.turn.lock().await);
            if let Some(carrier) = self.take() {
                return Ok(carrier);
            }
            // The call before found out that there is nothing to share.
            turn = turn.filter(|_| !self.connections().plain);
        }
        let failed = |why: &dyn std::fmt::Display| {
            CallError::ConnectFailed(format!("cannot reach {}: {why}", self.name()))
        };
        let proxy = self.proxy.as_ref().map_err(|error| failed(error))?;
        let (stream, h2) = dialer.dial(&self.target, proxy.as_ref()).await.map_err(|error| failed(&error))?;
        if !h2 {
            self.connections().plain = true;
            return Ok(Carrier::Link(Box::new(Link::new(stream))));
        }
        let host = Arc::downgrade(self);
        let retire = move |gone: &Weak<Shared>| {
            if let Some(host) = host.upgrade() {
                host.connections().shared.retain(|shared| !std::ptr::eq(gone.as_ptr(), Arc::as_ptr(shared)));
            }
        };
        let shared =
            Shared::open(stream, header_limit, retire).await.map_err(|error| failed(&reason(&error)))?;
        let place = shared.place(true);
        let mut connections = self.connections();
        connections.plain = false;
        connections.shared.push(shared);
        drop(connections);
        drop(turn);
        place.map(Carrier::Place).ok_or_else(|| failed(&"it allows no call"))
    }

    /// Takes a connection back after an answer was read to its end.
    pub(super) fn give_back(self: &Arc<Self>, mut link: Box<Link>) {
        // Without a runtime nobody would drop it.
        let Ok(runtime) = Handle::try_current() else { return };
        if !link.recycle() {
            return;
        }
        let mut connections = self.connections();
        if connections.idle.len() < self.most {
            connections.idle.push((link, Moment::now()));
        }
        if !connections.swept {
            connections.swept = true;
            runtime.spawn(sweep(Sweep(Arc::downgrade(self))));
        }
    }

    /// Upstream closes idle connections: the others are likely to be closed, too, and a call that is repeated
    /// shall not meet a second one.
    pub(super) fn distrust(&self) {
        self.connections().idle.clear();
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what expired; false when nothing is left, and nobody needs to sweep any more.
    fn expire(&self) -> bool {
        let mut connections = self.connections();
        connections.idle.retain(|(_, since)| since.age() < IDLE);
        connections.swept = !connections.idle.is_empty();
        connections.swept
    }
}

/// Whose connections are swept. Dropped early, with its runtime, it says that nobody sweeps any more.
struct Sweep(Weak<Host>);

impl Drop for Sweep {
    fn drop(&mut self) {
        if let Some(host) = self.0.upgrade() {
            host.connections().swept = false;
        }
    }
}

async fn sweep(mut sweep: Sweep) {
    loop {
        sleep(IDLE).await;
        let Some(host) = sweep.0.upgrade() else { return };
        if !host.expire() {
            // Another one may have begun already.
            sweep.0 = Weak::new();
            return;
        }
    }
}
