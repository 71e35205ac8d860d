//! How far a relay has come, for whoever looks while it runs.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// Written by the relay at each chunk, read by anybody; the numbers need not be of one moment.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    events: AtomicU64,
    bytes_out: AtomicU64,
    /// Milliseconds after `began` at which a frame of the answer came.
    content: AtomicU64,
}

impl Progress {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, events: AtomicU64::new(0), bytes_out: AtomicU64::new(0), content: AtomicU64::new(0) }
    }

    pub(super) fn note(&self, events: u64, bytes_out: u64, content: Instant) {
        self.events.store(events, Relaxed);
        self.bytes_out.store(bytes_out, Relaxed);
        self.content.store(milliseconds(content - self.began), Relaxed);
    }

    /// Frames of the answer, bytes for the client, and how long upstream has sent none of the answer.
    #[must_use]
    pub fn look(&self) -> (u64, u64, Duration) {
        let content = self.began + Duration::from_millis(self.content.load(Relaxed));
        (self.events.load(Relaxed), self.bytes_out.load(Relaxed), content.elapsed())
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
