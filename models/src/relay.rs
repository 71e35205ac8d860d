//! The handle of a relay, and the bytes between its task and a reader on another thread.

#[path = "../../crates/copilot-net/src/relay/ahead.rs"]
mod ahead;
#[path = "../../crates/copilot-net/src/relay/control.rs"]
mod control;

use std::{
    future::poll_fn,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};

use loom::{sync::Mutex, thread};

use self::{
    ahead::{Ahead, Taken},
    control::Control,
};
use crate::{
    bounded,
    client::CallError,
    signal::{Signal, block_on},
    streams::StreamEnd,
};

/// In place of `copilot_net::relay::Summary`.
#[derive(Debug)]
pub struct Summary(u8);

/// What `Relay::advance` does while upstream is silent.
fn until_stopped(control: &Control) -> StreamEnd {
    block_on(poll_fn(|cx| {
        loop {
            if let Some(end) = control.stopped() {
                return Poll::Ready(end);
            }
            if !control.watch(cx.waker()) {
                return Poll::Pending;
            }
        }
    }))
}

/// A relay that waits for a silent upstream is woken by a stop, whenever it comes.
pub fn a_stop_wakes_a_silent_relay() {
    loom::model(|| {
        let control = Arc::<Control>::default();
        let stopper = {
            let control = Arc::clone(&control);
            thread::spawn(move || control.stop(StreamEnd::Cancelled))
        };
        assert_eq!(until_stopped(&control), StreamEnd::Cancelled);
        stopper.join().unwrap();
    });
}

/// Of two stops the relay sees one, and it stays the same.
pub fn the_first_stop_counts() {
    loom::model(|| {
        let control = Arc::<Control>::default();
        let stoppers = [StreamEnd::Cancelled, StreamEnd::Shutdown].map(|end| {
            let control = Arc::clone(&control);
            thread::spawn(move || control.stop(end))
        });
        let seen = until_stopped(&control);
        for stopper in stoppers {
            stopper.join().unwrap();
        }
        assert_eq!(control.stopped(), Some(seen));
    });
}

/// Who asks for the end is told once, before or after it, with the summary there; a late stop harms nothing.
pub fn the_end_is_told_once() {
    loom::model(|| {
        let control = Arc::<Control>::default();
        let told = Arc::new(AtomicUsize::new(0));
        let relay = {
            let control = Arc::clone(&control);
            thread::spawn(move || control.end(Summary(7)))
        };
        let stopper = {
            let control = Arc::clone(&control);
            thread::spawn(move || control.stop(StreamEnd::Shutdown))
        };
        let (watched, count) = (Arc::clone(&control), Arc::clone(&told));
        control.on_end(move || {
            assert_eq!(watched.summary().unwrap().0, 7);
            count.fetch_add(1, SeqCst);
        });
        relay.join().unwrap();
        stopper.join().unwrap();
        assert_eq!(told.load(SeqCst), 1);
    });
}

/// All bytes arrive in order and then the end, though the writer waits for room and the reader for bytes.
pub fn bytes_ahead_arrive_in_order(chunks: u8) {
    const CHUNK: usize = 64 * 1024;
    bounded(move || {
        let ahead = Arc::<Ahead>::default();
        let writer = {
            let ahead = Arc::clone(&ahead);
            thread::spawn(move || {
                for number in 0..chunks {
                    block_on(poll_fn(|cx| ahead.poll_room(cx)));
                    ahead.add(&vec![number; CHUNK]);
                }
                block_on(poll_fn(|cx| ahead.poll_room(cx)));
                ahead.end(Err(CallError));
            })
        };
        let signal = Arc::new(Signal::new().unwrap());
        let mut seen = Vec::new();
        loop {
            match ahead.take() {
                Taken::Bytes(bytes) => {
                    assert!(bytes.len() < 2 * CHUNK, "no more than allowed waits for the reader");
                    seen.extend(bytes);
                }
                Taken::Nothing => {
                    let told = Arc::clone(&signal);
                    ahead.on_ready(move || told.set());
                    signal.wait();
                    signal.clear();
                }
                Taken::Ended => unreachable!("it failed"),
                Taken::Failed(CallError) => break,
            }
        }
        writer.join().unwrap();
        let expected: Vec<u8> = (0..chunks).flat_map(|number| vec![number; CHUNK]).collect();
        assert!(seen == expected, "bytes were lost, repeated or moved");
    });
}

/// A listener is called once though bytes and the end come at the same time as the question.
pub fn a_reader_is_told_once_for_each_question() {
    loom::model(|| {
        let ahead = Arc::<Ahead>::default();
        let told = Arc::new(Mutex::new(0));
        let writer = {
            let ahead = Arc::clone(&ahead);
            thread::spawn(move || {
                ahead.add(b"x");
                ahead.end(Ok(()));
            })
        };
        let count = Arc::clone(&told);
        ahead.on_ready(move || *count.lock().unwrap_or_else(PoisonError::into_inner) += 1);
        writer.join().unwrap();
        assert_eq!(*told.lock().unwrap_or_else(PoisonError::into_inner), 1);
        assert_eq!(ahead.take(), Taken::Bytes(b"x".to_vec()));
        assert_eq!(ahead.take(), Taken::Ended);
    });
}
