//! What the parts of one connection know of each other, and the requests on it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{ConnectionInfo, Local, Peer, Shared, accept::Open, stages::Stage};

/// Where an HTTP/1 connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Between requests.
    Idle,
    /// A header section has begun and is not complete.
    Head,
    /// A request is read or answered.
    Busy,
    /// The answer is with hyper and on its way to the socket.
    Flushing,
}

/// One connection. hyper, the socket and the answers of an HTTP/1 connection run in one task, so that nothing
/// here is about ordering between threads; the streams of HTTP/2 only count.
pub(super) struct Link {
    pub(super) shared: Arc<Shared>,
    pub(super) info: Arc<ConnectionInfo>,
    /// As long as it is there, the server is not drained.
    pub(super) stage: watch::Receiver<Stage>,
    open: Open,
    phase: AtomicU8,
    /// Answers that were flushed.
    served: AtomicU64,
    /// The client takes nothing at the moment.
    is_blocked: AtomicBool,
    /// Writes that the client took something of.
    writes: AtomicU64,
    /// The screen refused what came; see [`super::wire::Wire`].
    is_stopped: AtomicBool,
    /// Requests that began and are not answered whole.
    active: AtomicUsize,
    body: Mutex<Body>,
    /// Whether the guard may let this client in; asked at its first request.
    is_ours: OnceLock<bool>,
    streams: OnceLock<Streams>,
}

/// The body of an HTTP/1 request where hyper does not see it: the wire reads it into one piece, which saves a
/// copy, and hyper's buffers stay small.
#[derive(Default)]
pub(super) enum Body {
    /// The body is none, or hyper's to read.
    #[default]
    Elsewhere,
    /// So many bytes of it have come.
    Coming(usize),
    /// It is whole.
    Whole(Bytes),
    /// The client ended before its body did.
    Short,
}

/// What HTTP/2 needs besides.
#[derive(Default)]
struct Streams {
    /// Of the task that drives the connection: h2 wakes it before the last request is counted out, or never.
    driver: OnceLock<Waker>,
    /// Of the request that hyper has just given to the service and not to the executor yet.
    latest: Mutex<Option<Arc<Stall>>>,
}

impl Link {
    pub(super) fn new(open: Open, info: ConnectionInfo, stage: watch::Receiver<Stage>) -> Self {
        Self {
            shared: Arc::clone(&open.shared),
            info: Arc::new(info),
            stage,
            open,
            phase: AtomicU8::new(Phase::Idle as u8),
            served: AtomicU64::new(0),
            is_blocked: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            body: Mutex::default(),
            is_ours: OnceLock::new(),
            streams: OnceLock::new(),
        }
    }

    /// Whether requests are answered 503.
    pub(super) fn is_surplus(&self) -> bool {
        self.open.is_surplus
    }

    /// Whether the client is one of this user's programs, or root's, on this machine.
    pub(super) fn is_ours(&self) -> bool {
        *self.is_ours.get_or_init(|| match (&self.info.peer, &self.info.local, &self.shared.owners) {
            (Peer::Tcp(client), Local::Tcp(server), Some(owners)) => {
                let is_here = client.ip().to_canonical().is_loopback();
                if is_here {
                    self.shared.counters.owners_asked.add();
                }
                is_here && owners.is_ours(*client, *server)
            }
            // Who may open a Unix socket is said by the mode of its file.
            (Peer::Unix { .. }, ..) => true,
            _ => false,
        })
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Flushing,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    pub(super) fn served(&self) -> u64 {
        self.served.load(Relaxed)
    }

    /// hyper has the whole answer.
    fn answered(&self) {
        if self.is_http2() { self.flushed() } else { self.enter(Phase::Flushing) }
    }

    /// The answer is with the socket.
    pub(super) fn flushed(&self) {
        self.enter(Phase::Idle);
        self.served.fetch_add(1, Relaxed);
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Relaxed)
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    pub(super) fn blocked(&self) {
        self.is_blocked.store(true, Relaxed);
    }

    pub(super) fn wrote(&self) {
        self.is_blocked.store(false, Relaxed);
        self.writes.fetch_add(1, Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Relaxed)
    }

    pub(super) fn stop(&self, stopped: bool) {
        self.is_stopped.store(stopped, Relaxed);
    }

    pub(super) fn put_body(&self, body: Body) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }

    /// Returns the body, once if it is whole.
    pub(super) fn take_body(&self) -> Body {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *body {
            Body::Coming(size) => Body::Coming(*size),
            other => std::mem::take(other),
        }
    }

    pub(super) fn active(&self) -> usize {
        self.active.load(Relaxed)
    }

    /// From now on the requests are streams of HTTP/2.
    pub(super) fn begin_streams(&self, driver: &Waker) {
        self.enter(Phase::Idle);
        let _ = self.streams.get_or_init(Streams::default).driver.set(driver.clone());
    }

    pub(super) fn is_http2(&self) -> bool {
        self.streams.get().is_some()
    }

    /// Returns the watch over the stream that has just begun, for the task that will run it.
    pub(super) fn take_latest(&self) -> Option<Arc<Stall>> {
        self.streams.get()?.latest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whether the window of an HTTP/2 stream is shut: hyper took a frame and does not ask for the next one.
#[derive(Default)]
pub(super) struct Stall {
    waits: AtomicBool,
    frames: AtomicU64,
}

impl Stall {
    pub(super) fn polled(&self) {
        self.waits.store(false, Relaxed);
    }

    pub(super) fn gave(&self) {
        self.waits.store(true, Relaxed);
        self.frames.fetch_add(1, Relaxed);
    }

    /// Returns the number of the frame that waits.
    pub(super) fn waiting(&self) -> Option<u64> {
        self.waits.load(Relaxed).then(|| self.frames.load(Relaxed))
    }
}

/// One request, from its head to the end of its answer. Dropped before that end, it tells the service.
pub(super) struct Exchange {
    link: Arc<Link>,
    /// Once the service has seen the request.
    ticket: Option<u64>,
    is_over: bool,
    stall: Option<Arc<Stall>>,
}

impl Exchange {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        link.active.fetch_add(1, Relaxed);
        let stall = link.streams.get().map(|streams| {
            let stall = Arc::new(Stall::default());
            *streams.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&stall));
            stall
        });
        Self { link: Arc::clone(link), ticket: None, is_over: false, stall }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn stall(&self) -> Option<&Stall> {
        self.stall.as_deref()
    }

    /// The service has the request and named it.
    pub(super) fn handed_over(&mut self, ticket: u64) {
        self.ticket = Some(ticket);
    }

    /// hyper has the whole answer.
    pub(super) fn finish(&mut self) {
        if self.end() {
            self.link.answered();
        }
    }

    /// The answer broke off on this side: the client did not go.
    pub(super) fn give_up(&mut self) {
        if self.end() {
            self.link.shared.counters.broken.add();
        }
    }

    fn end(&mut self) -> bool {
        if self.is_over {
            return false;
        }
        self.is_over = true;
        if self.link.active.fetch_sub(1, Relaxed) == 1
            && let Some(driver) = self.link.streams.get().and_then(|streams| streams.driver.get())
        {
            driver.wake_by_ref();
        }
        true
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.end() {
            self.link.shared.counters.gone.add();
            if let Some(ticket) = self.ticket {
                let service = &self.link.shared.service;
                // What panics here must not take the connection's clean-up with it.
                let _ = catch_unwind(AssertUnwindSafe(|| service.gone(ticket)));
            }
        }
    }
}
