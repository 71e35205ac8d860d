//! The queue from an event loop.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};

use loom::thread;

use crate::{outbox::Outbox, signal::block_on};

/// Who pushes the first job since the last ones were taken flushes, as the event loop does: then all jobs run.
pub fn whoever_is_first_flushes_for_all(loops: usize, each: usize) {
    loom::model(move || {
        let outbox = Arc::<Outbox>::default();
        // Written while jobs run, and they run on this thread.
        let ran = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..loops)
            .map(|_| {
                let (outbox, ran) = (Arc::clone(&outbox), Arc::clone(&ran));
                thread::spawn(move || {
                    for _ in 0..each {
                        let ran = Arc::clone(&ran);
                        if outbox.push(move || _ = ran.fetch_add(1, SeqCst)) {
                            outbox.flush();
                        }
                    }
                })
            })
            .collect();
        block_on(async {
            let mut running = pin!(Arc::clone(&outbox).run());
            poll_fn(|cx| {
                let _ = running.as_mut().poll(cx);
                if ran.load(SeqCst) == loops * each { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(ran.load(SeqCst), loops * each);
    });
}
