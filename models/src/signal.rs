//! In place of the descriptor that an event loop watches.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use loom::sync::{Condvar, Mutex};

/// Set or not; the kernel's has a lock too.
#[derive(Debug)]
pub(crate) struct Signal {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    #[expect(clippy::unnecessary_wraps, reason = "as the one that needs a descriptor")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { set: Mutex::new(false), changed: Condvar::new() })
    }

    pub(crate) fn set(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    pub(crate) fn clear(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    pub(crate) fn fileno(&self) -> i64 {
        -1
    }

    /// Waits until it is set, as the loop does.
    pub(crate) fn wait(&self) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while !*set {
            set = self.changed.wait(set).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.set();
    }
}

/// Runs a task: polled first, and then whenever it was woken.
pub(crate) fn block_on<F: Future>(task: F) -> F::Output {
    let signal = Arc::new(Signal { set: Mutex::new(false), changed: Condvar::new() });
    let waker = Waker::from(Arc::clone(&signal));
    let mut task = pin!(task);
    loop {
        if let Poll::Ready(output) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        signal.wait();
        signal.clear();
    }
}
