//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters of one server.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) accepted: Counter,
    pub(super) closed: Counter,
    pub(super) requests: Counter,
    pub(super) refused: Counter,
    pub(super) gone: Counter,
    pub(super) broken: Counter,
    pub(super) pauses: Counter,
}

/// What a server has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Connections that are open now.
    pub connections: u64,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Requests that the service got.
    pub requests: u64,
    /// Requests that the server answered itself.
    pub refused: u64,
    /// Requests whose client went away before the answer was whole.
    pub aborted: u64,
    /// Answers that the service broke off.
    pub broken: u64,
    /// Times that accepting paused because the system had no descriptor or memory left.
    pub pauses: u64,
}

impl Counters {
    pub(super) fn stats(&self) -> ServerStats {
        // In this order: what is counted in between must not make the difference negative.
        let closed = self.closed.get();
        let accepted = self.accepted.get();
        ServerStats {
            connections: accepted - closed,
            accepted,
            requests: self.requests.get(),
            refused: self.refused.get(),
            aborted: self.gone.get(),
            broken: self.broken.get(),
            pauses: self.pauses.get(),
        }
    }
}
