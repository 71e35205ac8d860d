//! The handle of a relay that somebody else polls.

use std::{
    mem,
    sync::{Arc, PoisonError},
    task::Waker,
};

use copilot_core::streams::StreamEnd;

use super::Summary;
use crate::sync::{Mutex, MutexGuard};

/// Stops a relay, and tells how it ended; shared between the relay and whoever watches it.
#[derive(Default)]
pub struct Control(Mutex<State>);

#[derive(Default)]
struct State {
    stop: Option<StreamEnd>,
    waker: Option<Waker>,
    summary: Option<Arc<Summary>>,
    listener: Option<Box<dyn FnOnce() + Send>>,
}

impl Control {
    /// Makes the relay end soon, with an in-band error in the client's dialect.
    pub fn stop(&self, end: StreamEnd) {
        let mut state = self.lock();
        state.stop.get_or_insert(end);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How the relay ended; None while it runs.
    #[must_use]
    pub fn summary(&self) -> Option<Arc<Summary>> {
        self.lock().summary.clone()
    }

    /// Has `listener` called once when the relay is over: now, if it is. It runs on the thread that ends the
    /// relay and must not block.
    pub fn on_end(&self, listener: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        if state.summary.is_none() {
            state.listener = Some(Box::new(listener));
            return;
        }
        drop(state);
        listener();
    }

    pub(super) fn stopped(&self) -> Option<StreamEnd> {
        self.lock().stop
    }

    /// Has `waker` woken when the relay is to stop; tells whether it is to stop already.
    pub(super) fn watch(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.stop.is_some() {
            return true;
        }
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        false
    }

    pub(super) fn end(&self, summary: Summary) {
        let mut state = self.lock();
        state.summary = Some(Arc::new(summary));
        let State { waker, listener, .. } = &mut *state;
        let (waker, listener) = (mem::take(waker), mem::take(listener));
        drop(state);
        drop(waker);
        if let Some(listener) = listener {
            listener();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
