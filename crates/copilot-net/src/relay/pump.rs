//! Reads a source on a tokio task for a reader on another thread, a little ahead of it.

use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::{runtime::Handle, task::AbortHandle};

use super::{Relay, Source};
use crate::client::CallError;

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

/// See the module. Dropping it drops the source.
pub struct Pump {
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    ended: Option<Result<(), CallError>>,
    listener: Option<Box<dyn FnOnce() + Send>>,
    /// Wakes the task when there is room again.
    room: Option<Waker>,
}

impl Pump {
    /// Moves a relay's bytes.
    #[must_use]
    pub fn of_relay(mut relay: Relay, handle: &Handle) -> Self {
        Self::start(handle, move |cx| relay.poll_next(cx).map(|next| next.map(Ok)))
    }

    /// Moves a body's bytes as they are.
    #[must_use]
    pub fn of_source(mut source: Source, handle: &Handle) -> Self {
        Self::start(handle, move |cx| source.poll_chunk(cx))
    }

    fn start(
        handle: &Handle,
        mut next: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> + Send + 'static,
    ) -> Self {
        let shared = Arc::<Shared>::default();
        let ours = Arc::clone(&shared);
        let task = handle.spawn(async move {
            loop {
                poll_fn(|cx| ours.poll_room(cx)).await;
                match poll_fn(&mut next).await {
                    Some(Ok(bytes)) => ours.add(&bytes),
                    Some(Err(error)) => return ours.end(Err(error)),
                    None => return ours.end(Ok(())),
                }
            }
        });
        Self { shared, task: task.abort_handle() }
    }

    /// Returns what has come.
    #[must_use]
    pub fn take(&self) -> Taken {
        let mut state = self.shared.lock();
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
    pub fn on_ready(&self, listener: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.lock();
        if state.waiting.is_empty() && state.ended.is_none() {
            state.listener = Some(Box::new(listener));
            return;
        }
        drop(state);
        listener();
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.waiting.len() < AHEAD {
            return Poll::Ready(());
        }
        state.room = Some(cx.waker().clone());
        Poll::Pending
    }

    fn add(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.waiting.extend_from_slice(bytes);
        tell(state);
    }

    fn end(&self, how: Result<(), CallError>) {
        let mut state = self.lock();
        state.ended = Some(how);
        tell(state);
    }
}

fn tell(mut state: MutexGuard<'_, State>) {
    let listener = state.listener.take();
    drop(state);
    if let Some(listener) = listener {
        listener();
    }
}
