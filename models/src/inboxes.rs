//! The queue towards an event loop.

use std::sync::Arc;

use loom::thread;

use crate::inbox::Inbox;

/// Each event of each writer arrives, once, in the writer's order, and the loop is woken for it.
pub fn no_event_is_lost(writers: usize, each: usize) {
    loom::model(move || {
        let inbox = Arc::new(Inbox::new().unwrap());
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || (0..each).for_each(|count| inbox.push((writer, count))))
            })
            .collect();
        let (mut seen, mut batch) = (Vec::new(), Vec::new());
        while seen.len() < writers * each {
            inbox.signal.wait();
            inbox.take(&mut batch);
            seen.append(&mut batch);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        for writer in 0..writers {
            let counts: Vec<_> =
                seen.iter().filter(|(from, _)| *from == writer).map(|(_, count)| *count).collect();
            assert_eq!(counts, (0..each).collect::<Vec<_>>());
        }
        inbox.take(&mut batch);
        assert!(batch.is_empty());
    });
}
