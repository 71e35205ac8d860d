//! What `copilot_net::sync` gives, of loom.

use std::{
    future::poll_fn,
    sync::PoisonError,
    task::{Poll, Waker},
};

pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

/// `tokio::sync::Notify` for one who waits: one permit is kept.
#[derive(Default)]
pub(crate) struct Notify(Mutex<Notified>);

#[derive(Default)]
struct Notified {
    permit: bool,
    waker: Option<Waker>,
}

impl Notify {
    pub(crate) fn notify_one(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.permit = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) async fn notified(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut state.permit) {
                return Poll::Ready(());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// `tokio::sync::watch`, as far as the value goes.
pub(crate) mod watch {
    use std::sync::PoisonError;

    use super::Mutex;

    pub(crate) struct Sender<T>(Mutex<T>);

    impl<T: Copy> Sender<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn send_modify(&self, change: impl FnOnce(&mut T)) {
            change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        }

        pub(crate) fn get(&self) -> T {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
