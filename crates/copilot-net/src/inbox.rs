//! The queue from tokio's threads to one event loop, with one wake-up for a batch.
//!
//! Tokio threads push plain events and never touch Python; the loop's thread waits for [`Inbox::fileno`] to
//! become readable, then takes all of them. A push between `take`'s two halves costs a wake-up for nothing;
//! none is ever lost.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// See the module.
#[derive(Debug)]
pub struct Inbox<E> {
    queue: Mutex<Vec<E>>,
    /// A signal is on its way, so that another one is not needed.
    armed: AtomicBool,
    signal: signal::Signal,
}

impl<E> Inbox<E> {
    /// Makes an empty inbox.
    ///
    /// # Errors
    ///
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            queue: Mutex::new(Vec::new()),
            armed: AtomicBool::new(false),
            signal: signal::Signal::new()?,
        })
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
        self.armed.store(false, Ordering::Release);
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

#[cfg(target_os = "linux")]
mod signal {
    use std::{
        io,
        os::fd::{AsRawFd as _, OwnedFd},
    };

    use rustix::event::{EventfdFlags, eventfd};

    #[derive(Debug)]
    pub(super) struct Signal(OwnedFd);

    impl Signal {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
        }

        pub(super) fn set(&self) {
            // It fails only when the counter is full, and then it is set.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(super) fn clear(&self) {
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }

        pub(super) fn fileno(&self) -> i64 {
            self.0.as_raw_fd().into()
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod signal {
    use std::{
        io::{self, Read as _, Write as _},
        os::{fd::AsRawFd as _, unix::net::UnixStream},
    };

    #[derive(Debug)]
    pub(super) struct Signal {
        reader: UnixStream,
        writer: UnixStream,
    }

    impl Signal {
        pub(super) fn new() -> io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self { reader, writer })
        }

        pub(super) fn set(&self) {
            // A full buffer is readable.
            let _ = (&self.writer).write(&[1]);
        }

        pub(super) fn clear(&self) {
            let _ = (&self.reader).read(&mut [0_u8; 64]);
        }

        pub(super) fn fileno(&self) -> i64 {
            self.reader.as_raw_fd().into()
        }
    }
}

#[cfg(windows)]
mod signal {
    use std::{
        io::{self, Read as _, Write as _},
        net::{Ipv4Addr, TcpListener, TcpStream},
        os::windows::io::AsRawSocket as _,
    };

    /// Loops on Windows can watch sockets only (`SelectorEventLoop`).
    #[derive(Debug)]
    pub(super) struct Signal {
        reader: TcpStream,
        writer: TcpStream,
    }

    impl Signal {
        pub(super) fn new() -> io::Result<Self> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let writer = TcpStream::connect(listener.local_addr()?)?;
            let reader = loop {
                let (reader, peer) = listener.accept()?;
                // Another program may have connected first.
                if peer == writer.local_addr()? {
                    break reader;
                }
            };
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            writer.set_nodelay(true)?;
            Ok(Self { reader, writer })
        }

        pub(super) fn set(&self) {
            let _ = (&self.writer).write(&[1]);
        }

        pub(super) fn clear(&self) {
            let _ = (&self.reader).read(&mut [0_u8; 64]);
        }

        pub(super) fn fileno(&self) -> i64 {
            i64::try_from(self.reader.as_raw_socket()).unwrap_or(-1)
        }
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
