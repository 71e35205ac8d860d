//! A bounded channel of body chunks, from any thread to the connection.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use crate::sync::{Mutex, MutexGuard};

/// Why a chunk was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum TrySendError {
    /// There is no room: [`BodySender::poll_room`] tells when there is. The chunk comes back.
    Full(Bytes),
    /// Nobody will read it: the client is gone, or the server cut the connection.
    Gone,
}

impl fmt::Display for TrySendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full(_) => "the body has no room at the moment",
            Self::Gone => "nobody reads the body any more",
        })
    }
}

impl std::error::Error for TrySendError {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Finished,
    Aborted,
    /// The reader is gone.
    Gone,
    /// The answer has no body by HTTP's rules: what is sent is dropped.
    Discarded,
}

struct Queue {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    capacity: usize,
    state: State,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Queue {
    /// A chunk larger than the capacity passes alone.
    fn has_room(&self, size: usize) -> bool {
        self.bytes == 0 || self.bytes.saturating_add(size) <= self.capacity
    }
}

struct Shared(Mutex<Queue>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns both ends of a body that holds at most `capacity` bytes which the client has not taken.
#[must_use]
pub fn channel(capacity: usize) -> (BodySender, ChannelBody) {
    let (chunks, state) = (VecDeque::new(), State::Open);
    let queue = Queue { chunks, bytes: 0, capacity, state, reader: None, writer: None };
    let shared = Arc::new(Shared(Mutex::new(queue)));
    (BodySender(Arc::clone(&shared)), ChannelBody(shared))
}

/// The end of a body that writes. It never blocks, and may be used on any thread. Dropped without
/// [`finish`](Self::finish) it aborts.
pub struct BodySender(Arc<Shared>);

impl BodySender {
    /// Sends a chunk. One larger than the capacity is taken when the channel is empty.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] with the chunk, or [`TrySendError::Gone`].
    pub fn try_send(&self, chunk: Bytes) -> Result<(), TrySendError> {
        let reader = {
            let mut queue = self.0.lock();
            match queue.state {
                State::Open if chunk.is_empty() => return Ok(()),
                State::Open if !queue.has_room(chunk.len()) => return Err(TrySendError::Full(chunk)),
                State::Open => {}
                State::Discarded => return Ok(()),
                State::Finished | State::Aborted | State::Gone => return Err(TrySendError::Gone),
            }
            queue.bytes += chunk.len();
            queue.chunks.push_back(chunk);
            queue.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    /// Waits until half of the capacity is free. The waker of `cx` is woken once, on the connection's thread:
    /// one made of [`std::task::Wake`] serves as callback.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Gone`].
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), TrySendError>> {
        let mut queue = self.0.lock();
        match queue.state {
            State::Discarded => Poll::Ready(Ok(())),
            State::Open if queue.bytes <= queue.capacity / 2 => Poll::Ready(Ok(())),
            State::Open => {
                queue.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Finished | State::Aborted | State::Gone => Poll::Ready(Err(TrySendError::Gone)),
        }
    }

    /// Whether nobody reads any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.lock().state == State::Gone
    }

    /// Ends the body as whole.
    pub fn finish(self) {
        self.end(State::Finished);
    }

    /// Ends the body as broken: the client sees the connection cut (HTTP/2: the stream reset).
    pub fn abort(self) {
        self.end(State::Aborted);
    }

    fn end(&self, state: State) {
        let reader = {
            let mut queue = self.0.lock();
            if queue.state != State::Open {
                return;
            }
            queue.state = state;
            queue.writer = None;
            queue.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for BodySender {
    fn drop(&mut self) {
        self.end(State::Aborted);
    }
}

/// The end of a body that the server reads.
pub struct ChannelBody(Arc<Shared>);

impl ChannelBody {
    /// Returns the next chunk, or None at the end.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let (chunk, writer) = {
            let mut queue = self.0.lock();
            let Some(chunk) = queue.chunks.pop_front() else {
                return match queue.state {
                    State::Open => {
                        if queue.reader.as_ref().is_none_or(|reader| !reader.will_wake(cx.waker())) {
                            queue.reader = Some(cx.waker().clone());
                        }
                        Poll::Pending
                    }
                    State::Aborted => {
                        Poll::Ready(Some(Err(io::Error::other("the application gave the body up"))))
                    }
                    State::Finished | State::Gone | State::Discarded => Poll::Ready(None),
                };
            };
            queue.bytes -= chunk.len();
            let writer = if queue.bytes <= queue.capacity / 2 { queue.writer.take() } else { None };
            (chunk, writer)
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Some(Ok(chunk)))
    }

    /// Whether every chunk was read and no more will come.
    pub(super) fn is_over(&self) -> bool {
        let queue = self.0.lock();
        queue.state == State::Finished && queue.chunks.is_empty()
    }

    /// Lets the application send into the void.
    pub(super) fn discard(self) {
        self.close(State::Discarded);
    }

    fn close(&self, state: State) {
        let (writer, chunks) = {
            let mut queue = self.0.lock();
            if queue.state == State::Open {
                queue.state = state;
            }
            queue.bytes = 0;
            (queue.writer.take(), std::mem::take(&mut queue.chunks))
        };
        drop(chunks);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

impl Drop for ChannelBody {
    fn drop(&mut self) {
        self.close(State::Gone);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn read(body: &mut ChannelBody) -> Option<Bytes> {
        let cx = &mut Context::from_waker(Waker::noop());
        match body.poll_chunk(cx) {
            Poll::Ready(Some(Ok(chunk))) => Some(chunk),
            _ => None,
        }
    }

    #[test]
    fn a_full_channel_gives_the_chunk_back_and_tells_once_when_there_is_room() {
        let (sender, mut body) = channel(8);
        for chunk in ["1234", "5678"] {
            assert_eq!(sender.try_send(chunk.into()), Ok(()));
        }
        assert_eq!(sender.try_send("9".into()), Err(TrySendError::Full("9".into())));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let cx = &mut Context::from_waker(&waker);
        assert!(sender.poll_room(cx).is_pending());
        assert_eq!(read(&mut body), Some("1234".into()));
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(sender.poll_room(cx), Poll::Ready(Ok(())));
        assert_eq!(read(&mut body), Some("5678".into()));
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_chunk_larger_than_the_capacity_passes_alone() {
        let (sender, mut body) = channel(2);
        assert_eq!(sender.try_send("long".into()), Ok(()));
        assert_eq!(sender.try_send("x".into()), Err(TrySendError::Full("x".into())));
        assert_eq!(read(&mut body), Some("long".into()));
        assert_eq!(sender.try_send("again".into()), Ok(()));
    }

    #[test]
    fn the_end_comes_behind_what_was_sent() {
        let (sender, mut body) = channel(8);
        assert_eq!(sender.try_send("a".into()), Ok(()));
        sender.finish();
        assert!(!body.is_over());
        assert_eq!(read(&mut body), Some("a".into()));
        assert!(body.is_over());
        assert!(matches!(body.poll_chunk(&mut Context::from_waker(Waker::noop())), Poll::Ready(None)));
    }

    #[test]
    fn a_sender_that_is_dropped_aborts() {
        let (sender, mut body) = channel(8);
        drop(sender);
        let polled = body.poll_chunk(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Some(Err(_)))));
        assert!(!body.is_over());
    }

    #[test]
    fn a_reader_that_is_dropped_frees_the_chunks_and_wakes_the_sender() {
        let (sender, body) = channel(1);
        assert_eq!(sender.try_send("ab".into()), Ok(()));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert!(sender.poll_room(&mut Context::from_waker(&waker)).is_pending());
        drop(body);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(sender.is_gone());
        assert_eq!(sender.try_send("c".into()), Err(TrySendError::Gone));
    }

    #[test]
    fn a_discarded_body_takes_everything() {
        let (sender, body) = channel(1);
        body.discard();
        for _ in 0..3 {
            assert_eq!(sender.try_send("abc".into()), Ok(()));
        }
        assert!(!sender.is_gone());
    }
}
