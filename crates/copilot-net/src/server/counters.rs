//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::refusal::Refusal;

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
    pub(super) foreign_hosts: Counter,
    pub(super) foreign_origins: Counter,
    pub(super) foreign_users: Counter,
    pub(super) owners_asked: Counter,
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
    /// Of these, for a Host that is missing or another server's.
    pub foreign_hosts: u64,
    /// For the web page that they come from.
    pub foreign_origins: u64,
    /// For the user whose connection it is.
    pub foreign_users: u64,
    /// Connections whose owner the system was asked for.
    pub owners_asked: u64,
    /// Requests whose client went away before the answer was whole.
    pub aborted: u64,
    /// Answers that the service broke off.
    pub broken: u64,
    /// Times that accepting paused because the system had no descriptor or memory left.
    pub pauses: u64,
}

impl Counters {
    /// Counts what the server answers itself.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refused.add();
        match refusal {
            Refusal::NoHost | Refusal::ForeignHost => self.foreign_hosts.add(),
            Refusal::ForeignOrigin | Refusal::OtherPage => self.foreign_origins.add(),
            Refusal::ForeignUser => self.foreign_users.add(),
            _ => {}
        }
    }

    pub(super) fn stats(&self) -> ServerStats {
        // In this order: what is counted in between must not make the difference negative.
        let closed = self.closed.get();
        let accepted = self.accepted.get();
        ServerStats {
            connections: accepted - closed,
            accepted,
            requests: self.requests.get(),
            refused: self.refused.get(),
            foreign_hosts: self.foreign_hosts.get(),
            foreign_origins: self.foreign_origins.get(),
            foreign_users: self.foreign_users.get(),
            owners_asked: self.owners_asked.get(),
            aborted: self.gone.get(),
            broken: self.broken.get(),
            pauses: self.pauses.get(),
        }
    }
}
