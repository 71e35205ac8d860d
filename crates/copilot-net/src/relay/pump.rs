//! Reads a source on a tokio task for a reader on another thread, a little ahead of it.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::{runtime::Handle, task::AbortHandle};

use super::{
    Relay, Source,
    ahead::{Ahead, Taken},
};
use crate::client::CallError;

/// See the module. Dropping it drops the source.
pub struct Pump {
    ahead: Arc<Ahead>,
    task: AbortHandle,
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
        let ahead = Arc::<Ahead>::default();
        let ours = Arc::clone(&ahead);
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
        Self { ahead, task: task.abort_handle() }
    }

    /// Returns what has come.
    #[must_use]
    pub fn take(&self) -> Taken {
        self.ahead.take()
    }

    /// Has `listener` called once when [`take`](Self::take) has something: now, if it has.
    pub fn on_ready(&self, listener: impl FnOnce() + Send + 'static) {
        self.ahead.on_ready(listener);
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}
