//! From serving to the end: how all parts of a server learn of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    task::Waker,
};

use super::Shared;
use crate::sync::{AtomicU8, Mutex, Ordering::SeqCst, watch};

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    Serving,
    /// Nothing new; what is in flight runs to its end.
    Draining,
    /// Everything ends at once.
    Aborted,
}

/// The stage, and the tasks that have to be woken when it changes. A connection looks at it whenever it runs,
/// which is cheaper than to wait for it.
#[derive(Default)]
pub(super) struct Stages {
    now: AtomicU8,
    sleepers: Mutex<Sleepers>,
}

#[derive(Default)]
struct Sleepers {
    last: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Stages {
    pub(super) fn now(&self) -> Stage {
        match self.now.load(SeqCst) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            _ => Stage::Aborted,
        }
    }

    /// Goes on to `stage`, never back, and tells all who look at it or wait for it.
    pub(super) fn enter(&self, stage: Stage, watched: &watch::Sender<Stage>) {
        self.now.fetch_max(stage as u8, SeqCst);
        let wakers: Vec<Waker> = {
            let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
            sleepers.wakers.values().cloned().collect()
        };
        for waker in wakers {
            waker.wake();
        }
        // Read under the lock of the channel: of two who enter at once, neither puts back what the other told.
        watched.send_modify(|watched| *watched = self.now());
    }
}

/// The place of one task among those that are woken.
pub(super) struct Wakeup {
    shared: Arc<Shared>,
    key: Option<u64>,
}

impl Wakeup {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, key: None }
    }

    /// Has `waker` woken at each change. It is taken once: a task has one waker for its life.
    pub(super) fn register(&mut self, waker: &Waker) {
        if self.key.is_none() {
            let mut sleepers = self.shared.stages.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
            sleepers.last += 1;
            let key = sleepers.last;
            sleepers.wakers.insert(key, waker.clone());
            self.key = Some(key);
        }
    }
}

impl Drop for Wakeup {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let mut sleepers = self.shared.stages.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
            drop(sleepers.wakers.remove(&key));
        }
    }
}
