//! The queue from tokio's threads to one event loop, with one wake-up for a batch.
//!
//! Tokio threads push plain events and never touch Python; the loop's thread waits for [`Inbox::fileno`] to
//! become readable, then takes all of them. A push between `take`'s two halves costs a wake-up for nothing;
//! none is ever lost.

use std::{io, sync::PoisonError};

use crate::{
    signal::Signal,
    sync::{AtomicBool, Mutex, Ordering},
};

/// See the module.
#[derive(Debug)]
pub struct Inbox<E> {
    queue: Mutex<Vec<E>>,
    /// A signal is on its way, so that another one is not needed.
    armed: AtomicBool,
    pub(crate) signal: Signal,
}

impl<E> Inbox<E> {
    /// Makes an empty inbox.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { queue: Mutex::new(Vec::new()), armed: AtomicBool::new(false), signal: Signal::new()? })
    }

    /// Adds an event; any thread may.
    pub fn push(&self, event: E) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        if !self.armed.swap(true, Ordering::AcqRel) {
            self.signal.set();
        }
    }

    /// Moves all events into `events`, in the order they came; for the loop's thread, when
    /// [`fileno`](Self::fileno) is readable.
    pub fn take(&self, events: &mut Vec<E>) {
        self.signal.clear();
        // Not a store: between swaps there is one order, and a push that sees this one's false signals.
        self.armed.swap(false, Ordering::AcqRel);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if events.is_empty() {
            std::mem::swap(&mut *queue, events);
        } else {
            events.append(&mut queue);
        }
    }

    /// The descriptor (on Windows the socket) that is readable while there is something to take.
    #[must_use]
    pub fn fileno(&self) -> i64 {
        self.signal.fileno()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use std::{sync::Arc, thread};

    use super::Inbox;

    #[test]
    fn events_of_all_threads_arrive_once_and_in_their_order() {
        let inbox = Arc::new(Inbox::new().unwrap());
        let writers: Vec<_> = (0..4_u32)
            .map(|writer| {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || (0..1000_u32).for_each(|count| inbox.push((writer, count))))
            })
            .collect();
        let (mut seen, mut batch) = (Vec::new(), Vec::new());
        while seen.len() < 4000 {
            inbox.take(&mut batch);
            seen.append(&mut batch);
            thread::yield_now();
        }
        for writer in writers {
            writer.join().unwrap();
        }
        for writer in 0..4 {
            let counts: Vec<_> =
                seen.iter().filter(|(from, _)| *from == writer).map(|(_, count)| *count).collect();
            assert_eq!(counts, (0..1000).collect::<Vec<_>>());
        }
        inbox.take(&mut batch);
        assert!(batch.is_empty());
    }
}
