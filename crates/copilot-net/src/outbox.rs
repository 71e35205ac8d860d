//! Work for tokio's threads, collected during one turn of an event loop.
//!
//! Waking a thread that sleeps in the kernel costs more than most of what it is woken for. A loop that starts
//! many calls in one turn, and gives many answers, wakes it once.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
};

use tokio::runtime::Handle;

use crate::sync::{Mutex, MutexGuard, Notify};

type Job = Box<dyn FnOnce() + Send>;

/// See the module.
#[derive(Default)]
pub struct Outbox {
    jobs: Mutex<Vec<Job>>,
    ready: Notify,
}

impl Outbox {
    /// Makes an outbox whose jobs run on the runtime of `handle`, until that is shut down.
    #[must_use]
    pub fn start(handle: &Handle) -> Arc<Self> {
        let outbox = Arc::<Self>::default();
        handle.spawn(Arc::clone(&outbox).run());
        outbox
    }

    /// Runs jobs, without end.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.ready.notified().await;
            let jobs = mem::take(&mut *self.lock());
            for job in jobs {
                // One job's panic is its own: what it holds is dropped, which tells who waits.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        }
    }

    /// Adds a job, which must not block; it runs after the next [`flush`](Self::flush). Tells whether it is the
    /// first one since.
    pub fn push(&self, job: impl FnOnce() + Send + 'static) -> bool {
        let mut jobs = self.lock();
        jobs.push(Box::new(job));
        jobs.len() == 1
    }

    /// Has the jobs run.
    pub fn flush(&self) {
        self.ready.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use tokio::{runtime::Handle, sync::mpsc::unbounded_channel};

    use super::Outbox;

    #[tokio::test]
    async fn jobs_run_in_their_order_after_the_flush_and_survive_a_panic() {
        let outbox = Outbox::start(&Handle::current());
        let (sender, mut receiver) = unbounded_channel();
        for number in 0..3 {
            let sender = sender.clone();
            let first = outbox.push(move || {
                assert!(number != 1, "this one fails");
                sender.send(number).unwrap();
            });
            assert_eq!(first, number == 0);
        }
        tokio::task::yield_now().await;
        assert!(receiver.try_recv().is_err());
        outbox.flush();
        assert_eq!(receiver.recv().await, Some(0));
        assert_eq!(receiver.recv().await, Some(2));
        assert!(outbox.push(move || sender.send(3).unwrap()));
        outbox.flush();
        assert_eq!(receiver.recv().await, Some(3));
        assert!(receiver.recv().await.is_none());
    }
}
