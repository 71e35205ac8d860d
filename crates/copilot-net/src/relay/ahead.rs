//! What was read for a reader on another thread, a little ahead of it.

use std::{
    mem,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use crate::{
    client::CallError,
    sync::{Mutex, MutexGuard},
};

/// Bytes that may wait for the reader. What came while it was late it gets in one piece.
const AHEAD: usize = 64 * 1024;

/// What there is for the reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Bytes, at least one
    Bytes(Vec<u8>),
    /// Nothing yet
    Nothing,
    /// The end
    Ended,
    /// The end, by a failure
    Failed(CallError),
}

/// See the module.
#[derive(Default)]
pub(super) struct Ahead(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    ended: Option<Result<(), CallError>>,
    listener: Option<Box<dyn FnOnce() + Send>>,
    /// Wakes the writer when there is room again.
    room: Option<Waker>,
}

impl Ahead {
    /// Returns what has come.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            let bytes = mem::take(&mut state.waiting);
            let room = state.room.take();
            drop(state);
            if let Some(room) = room {
                room.wake();
            }
            return Taken::Bytes(bytes);
        }
        match &state.ended {
            None => Taken::Nothing,
            Some(Ok(())) => Taken::Ended,
            Some(Err(error)) => Taken::Failed(error.clone()),
        }
    }

    /// Has `listener` called once when [`take`](Self::take) has something: now, if it has.
    pub(super) fn on_ready(&self, listener: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        if state.waiting.is_empty() && state.ended.is_none() {
            state.listener = Some(Box::new(listener));
            return;
        }
        drop(state);
        listener();
    }

    /// Waits until the reader is near enough to read more.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.waiting.len() < AHEAD {
            return Poll::Ready(());
        }
        state.room = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn add(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.waiting.extend_from_slice(bytes);
        tell(state);
    }

    pub(super) fn end(&self, how: Result<(), CallError>) {
        let mut state = self.lock();
        state.ended = Some(how);
        tell(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(mut state: MutexGuard<'_, State>) {
    let listener = state.listener.take();
    drop(state);
    if let Some(listener) = listener {
        listener();
    }
}
