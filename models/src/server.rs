//! The way from serving to the end, and the body of an answer between an application and its connection.

#[path = "../../crates/copilot-net/src/server/channel.rs"]
mod channel;
#[path = "../../crates/copilot-net/src/server/stages.rs"]
mod stages;

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use loom::thread;

use self::{
    channel::{TrySendError, channel},
    stages::{Stage, Stages, Wakeup},
};
use crate::{bounded, signal::block_on, sync::watch::Sender};

/// In place of what all connections of a server share.
struct Shared {
    stages: Stages,
    watched: Sender<Stage>,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { stages: Stages::default(), watched: Sender::new(Stage::Serving) })
    }

    fn enter(&self, stage: Stage) {
        self.stages.enter(stage, &self.watched);
    }
}

/// A connection that has nothing to do but wait until the server reaches a stage: `Driver::poll` of `http1`.
fn until(shared: &Arc<Shared>, is_reached: impl Fn(Stage) -> bool) -> Stage {
    let mut wakeup = Wakeup::new(Arc::clone(shared));
    block_on(poll_fn(|cx| {
        wakeup.register(cx.waker());
        let now = shared.stages.now();
        if is_reached(now) { Poll::Ready(now) } else { Poll::Pending }
    }))
}

/// Idle connections learn of the drain, whenever they began to wait.
pub fn r50_a_drain_wakes_every_connection(connections: usize) {
    bounded(move || {
        let shared = Shared::new();
        let threads: Vec<_> = (0..connections)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || until(&shared, |stage| stage != Stage::Serving))
            })
            .collect();
        shared.enter(Stage::Draining);
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Stage::Draining);
        }
    });
}

/// A connection that has seen the drain and still answers learns of the abort.
pub fn r50_an_abort_wakes_who_drains() {
    loom::model(|| {
        let shared = Shared::new();
        let connection = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || until(&shared, |stage| stage == Stage::Aborted))
        };
        shared.enter(Stage::Draining);
        shared.enter(Stage::Aborted);
        assert_eq!(connection.join().unwrap(), Stage::Aborted);
    });
}

/// A drain and an abort from two threads end as an abort, for those who look and for those who wait.
pub fn r50_a_stage_is_never_taken_back() {
    loom::model(|| {
        let shared = Shared::new();
        let drain = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.enter(Stage::Draining))
        };
        shared.enter(Stage::Aborted);
        drain.join().unwrap();
        assert_eq!(shared.stages.now(), Stage::Aborted);
        assert_eq!(shared.watched.get(), Stage::Aborted);
    });
}

/// All chunks arrive in order though there is room for one, and then the end.
pub fn r33_a_body_waits_for_room_and_loses_nothing(chunks: u8) {
    bounded(move || {
        let (sender, mut body) = channel(1);
        let application = thread::spawn(move || {
            for number in 0..chunks {
                let mut chunk = Bytes::from(vec![number; 1]);
                loop {
                    match sender.try_send(chunk) {
                        Ok(()) => break,
                        Err(TrySendError::Full(back)) => chunk = back,
                        Err(TrySendError::Gone) => unreachable!("the reader is there"),
                    }
                    block_on(poll_fn(|cx| sender.poll_room(cx))).unwrap();
                }
            }
            sender.finish();
        });
        let mut seen = Vec::new();
        while let Some(chunk) = block_on(poll_fn(|cx| body.poll_chunk(cx))) {
            seen.extend(chunk.unwrap());
        }
        application.join().unwrap();
        assert_eq!(seen, (0..chunks).collect::<Vec<_>>());
        assert!(body.is_over());
    });
}

/// An application that waits for room learns that the client went, and never sends into nothing unknowingly.
pub fn r26_an_application_learns_that_the_client_went() {
    loom::model(|| {
        let (sender, body) = channel(1);
        assert_eq!(sender.try_send(Bytes::from_static(b"x")), Ok(()));
        let client = thread::spawn(move || drop(body));
        let room = block_on(poll_fn(|cx| sender.poll_room(cx)));
        assert_eq!(room, Err(TrySendError::Gone));
        client.join().unwrap();
        assert!(sender.is_gone());
    });
}

/// A body that is given up midway never looks whole.
pub fn r21_a_broken_body_never_looks_whole() {
    loom::model(|| {
        let (sender, mut body) = channel(8);
        let application = thread::spawn(move || {
            let _ = sender.try_send(Bytes::from_static(b"x"));
            drop(sender);
        });
        let mut seen = 0;
        let end = loop {
            match block_on(poll_fn(|cx| body.poll_chunk(cx))) {
                Some(Ok(chunk)) => seen += chunk.len(),
                Some(Err(_)) => break false,
                None => break true,
            }
        };
        application.join().unwrap();
        assert_eq!((seen, end), (1, false));
        assert!(!body.is_over());
    });
}
