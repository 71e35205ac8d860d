//! Relays in virtual time: silence, keep-alive, refusal, stop, back-pressure.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use copilot_core::{
    plans::{Dialect, Leg, StreamPlan},
    streams::StreamEnd,
};
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, advance, sleep},
};

use super::{Limits, Outcome, Pump, Relay, Source, Taken};
use crate::client::{Body, CallError};

const HELLO: &str = "data: {\"object\":\"chat.completion.chunk\",\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
const STOP: &str = "data: {\"object\":\"chat.completion.chunk\",\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const COMMENT: &str = ": keep-alive\n\n";
const FAILED: &str = "data: {\"error\":{\"message\":\"busy\",\"code\":\"rate_limited\"}}\n\n";

/// One step of an upstream body.
#[derive(Clone, Copy)]
enum Step {
    Send(&'static str),
    Wait(u64),
    Cut,
    Silence,
}
use Step::{Cut, Send, Silence, Wait};

/// What happened to a scripted body.
#[derive(Default)]
struct Seen {
    read: AtomicUsize,
    closed: AtomicBool,
}

/// An upstream body that plays steps; seconds are virtual.
pub(super) struct Script {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
    seen: Arc<Seen>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.seen.closed.store(true, Ordering::Relaxed);
    }
}

impl Script {
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            match self.steps.front().copied() {
                None => return Poll::Ready(None),
                Some(Silence) => return Poll::Pending,
                Some(Send(text)) => {
                    self.steps.pop_front();
                    self.seen.read.fetch_add(1, Ordering::Relaxed);
                    return Poll::Ready(Some(Ok(text.into())));
                }
                Some(Wait(seconds)) => self.waiting = Some(Box::pin(sleep(Duration::from_secs(seconds)))),
                Some(Cut) => {
                    self.steps.clear();
                    return Poll::Ready(Some(Err(CallError::ConnectionLost("reset".to_owned()))));
                }
            }
            self.steps.pop_front();
        }
    }
}

fn relay(steps: &[Step]) -> (Relay, Arc<Seen>) {
    let (source, seen) = source(steps);
    (relay_of(source, 0), seen)
}

/// A relay that is made some time after the head came.
async fn relay_after(steps: &[Step], time: Duration) -> (Relay, Arc<Seen>) {
    let (mut source, seen) = source(steps);
    source.read_ahead(time).await;
    (relay_of(source, 0), seen)
}

fn source(steps: &[Step]) -> (Source, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let mut source = Source::new(Body::of_chunks(Vec::new()));
    source.script =
        Some(Script { steps: steps.iter().copied().collect(), waiting: None, seen: Arc::clone(&seen) });
    (source, seen)
}

fn relay_of(source: Source, capture: usize) -> Relay {
    let plan = StreamPlan { frame_limit: 1 << 20, ..StreamPlan::new(Dialect::Chat, Leg::Chat) };
    let seconds = Duration::from_secs;
    let limits = Limits { keep_alive: seconds(15), idle: seconds(120), content: seconds(300), capture };
    Relay::new(source, plan, limits).unwrap()
}

/// Reads a relay to its end: what came, and at which second.
async fn read(relay: &mut Relay) -> Vec<(String, u64)> {
    let began = Instant::now();
    let mut pieces = Vec::new();
    while let Some(piece) = poll_fn(|cx| relay.poll_next(cx)).await {
        pieces.push((String::from_utf8(piece.to_vec()).unwrap(), began.elapsed().as_secs()));
    }
    pieces
}

async fn play(steps: &[Step]) -> (Vec<(String, u64)>, Outcome) {
    let (mut relay, seen) = relay(steps);
    let pieces = read(&mut relay).await;
    let summary = relay.control().summary().unwrap();
    assert_eq!(summary.bytes_out, pieces.iter().map(|(piece, _)| piece.len() as u64).sum::<u64>());
    assert!(seen.closed.load(Ordering::Relaxed), "the source is closed at the end, not at the drop");
    (pieces, summary.outcome)
}

#[tokio::test(start_paused = true)]
async fn r34_frames_go_out_as_they_come_and_bursts_in_one_piece() {
    let (pieces, outcome) = play(&[Send(HELLO), Wait(1), Send(STOP), Send(DONE)]).await;
    assert_eq!(pieces, [(HELLO.to_owned(), 0), ([STOP, DONE].concat(), 1)]);
    assert_eq!(outcome, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn r25_a_clean_end_after_the_finish_reason_gets_the_end_mark() {
    let (pieces, outcome) = play(&[Send(HELLO), Send(STOP)]).await;
    assert!(pieces.last().unwrap().0.ends_with(DONE));
    assert_eq!(outcome, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn r26_a_cut_gives_one_error_and_no_end_mark() {
    let (pieces, outcome) = play(&[Send(HELLO), Wait(1), Cut]).await;
    assert_eq!(pieces.len(), 2);
    let last = &pieces.last().unwrap().0;
    assert!(last.contains("\"error\"") && last.contains("reset") && !last.contains("[DONE]"), "{last}");
    assert_eq!(outcome, Outcome::UpstreamFailed);
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_stays_whole_when_the_connection_then_fails() {
    let (pieces, outcome) = play(&[Send(HELLO), Send(STOP), Wait(1), Cut]).await;
    assert!(pieces.last().unwrap().0.ends_with(DONE));
    assert_eq!(outcome, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn r27_a_failure_before_the_first_byte_is_a_refusal() {
    for steps in [&[Send(FAILED)][..], &[], &[Cut], &[Wait(1), Send(FAILED)]] {
        let (mut relay, seen) = relay(steps);
        let refusal = poll_fn(|cx| relay.poll_first(cx)).await.unwrap_err();
        assert!(!refusal.message.is_empty());
        assert_eq!(relay.control().summary().unwrap().outcome, Outcome::UpstreamFailed);
        assert!(seen.closed.load(Ordering::Relaxed));
        assert!(read(&mut relay).await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn r27_a_failure_after_the_head_went_out_is_in_band() {
    let (mut relay, _) = relay(&[Wait(20), Send(FAILED)]);
    let began = Instant::now();
    poll_fn(|cx| relay.poll_first(cx)).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 15);
    let pieces = read(&mut relay).await;
    assert_eq!(pieces.first().unwrap().0, COMMENT);
    assert!(pieces.last().unwrap().0.contains("busy"));
    assert_eq!(relay.control().summary().unwrap().outcome, Outcome::UpstreamFailed);
}

#[tokio::test(start_paused = true)]
async fn what_was_judged_is_not_lost() {
    let (mut relay, _) = relay(&[Wait(3), Send(HELLO), Wait(1), Send(STOP), Send(DONE)]);
    poll_fn(|cx| relay.poll_first(cx)).await.unwrap();
    let text: String = read(&mut relay).await.into_iter().map(|(piece, _)| piece).collect();
    assert_eq!(text, [HELLO, STOP, DONE].concat());
    let summary = relay.control().summary().unwrap();
    assert_eq!(summary.first_byte, Some(Duration::from_secs(3)));
    assert_eq!(summary.duration, Duration::from_secs(4));
    assert_eq!((summary.bytes_in, summary.bytes_out), (text.len() as u64, text.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn r59_the_summary_says_how_upstream_ended() {
    let cases: [(&[Step], Option<StreamEnd>); 5] = [
        (&[Send(HELLO), Send(FAILED)], None),
        (&[Send(HELLO), Send(STOP), Send(DONE)], None),
        (&[Send(HELLO)], Some(StreamEnd::End)),
        (&[Send(HELLO), Wait(1), Cut], Some(StreamEnd::Cut)),
        (&[Send(HELLO), Silence], Some(StreamEnd::Idle)),
    ];
    for (steps, end) in cases {
        let (mut relay, _) = relay(steps);
        read(&mut relay).await;
        assert_eq!(relay.control().summary().unwrap().end, end);
    }
}

#[tokio::test(start_paused = true)]
async fn r29_r31_silence_gets_keep_alives_and_ends_at_the_limit() {
    let (pieces, outcome) = play(&[Send(HELLO), Silence]).await;
    let (last, alive) = pieces.split_last().unwrap();
    let times: Vec<_> = alive.iter().skip(1).map(|(piece, at)| (piece.as_str(), *at)).collect();
    assert_eq!(times, [15, 30, 45, 60, 75, 90, 105].map(|at| (COMMENT, at)));
    assert_eq!(last.1, 120);
    assert!(last.0.contains("silent for 120 s"));
    assert_eq!(outcome, Outcome::Deadline);
}

#[tokio::test(start_paused = true)]
async fn r31_comments_alone_end_at_the_larger_limit() {
    let mut steps = vec![Send(HELLO)];
    steps.extend([Wait(50), Send(": waiting\n\n")].repeat(20));
    let (pieces, outcome) = play(&steps).await;
    let last = pieces.last().unwrap();
    assert_eq!(last.1, 300);
    assert!(last.0.contains("no content for 300 s"));
    assert_eq!(outcome, Outcome::Deadline);
}

#[tokio::test(start_paused = true)]
async fn r31_comments_without_a_pause_end_at_the_larger_limit_too() {
    let mut steps = vec![Send(HELLO)];
    steps.extend([Send(": waiting\n\n")].repeat(64 * 40));
    let (mut relay, _) = relay(&steps);
    assert_eq!(poll_fn(|cx| relay.poll_next(cx)).await.unwrap(), HELLO);
    let began = Instant::now();
    let last = loop {
        // As one who is woken every ten seconds: there is never a moment without comments.
        match poll_fn(|cx| Poll::Ready(relay.poll_next(cx))).await {
            Poll::Ready(piece) => break piece.unwrap(),
            Poll::Pending => advance(Duration::from_secs(10)).await,
        }
    };
    assert_eq!(began.elapsed().as_secs(), 300);
    assert!(String::from_utf8_lossy(&last).contains("no content for 300 s"));
    assert_eq!(relay.control().summary().unwrap().outcome, Outcome::Deadline);
}

#[tokio::test(start_paused = true)]
async fn r29_silence_counts_from_the_head_not_from_the_first_look() {
    let (mut relay, _) = relay_after(&[Silence], Duration::from_secs(15)).await;
    let pieces = read(&mut relay).await;
    let (last, alive) = pieces.split_last().unwrap();
    assert_eq!(alive.first().unwrap().1, 0, "the first keep-alive is due at once");
    assert_eq!(last.1, 105);
    assert!(last.0.contains("silent for 120 s"));
}

#[tokio::test(start_paused = true)]
async fn r29_r33_the_time_of_a_reader_that_stopped_is_no_silence() {
    let (first, rest) = HELLO.split_at(30);
    let (mut relay, _) = relay(&[Send(HELLO), Send(first), Wait(100), Send(rest), Send(STOP), Send(DONE)]);
    let first = poll_fn(|cx| relay.poll_next(cx)).await.unwrap();
    assert_eq!(first, HELLO);
    sleep(Duration::from_secs(1000)).await;
    let text: String = read(&mut relay).await.into_iter().map(|(piece, _)| piece).collect();
    assert!(text.ends_with(&[HELLO, STOP, DONE].concat()), "{text}");
    assert_eq!(relay.control().summary().unwrap().outcome, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn r50_a_stop_ends_a_silent_stream_at_once_with_an_error() {
    for (end, outcome) in
        [(StreamEnd::Shutdown, Outcome::Shutdown), (StreamEnd::Cancelled, Outcome::Cancelled)]
    {
        let (mut relay, seen) = relay(&[Send(HELLO), Silence]);
        let control = relay.control();
        tokio::spawn(async move {
            sleep(Duration::from_secs(2)).await;
            control.stop(end);
        });
        let pieces = read(&mut relay).await;
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces.last().unwrap().1, 2);
        assert!(pieces.last().unwrap().0.contains("\"error\""));
        assert_eq!(relay.control().summary().unwrap().outcome, outcome);
        assert!(seen.closed.load(Ordering::Relaxed));
    }
}

#[tokio::test(start_paused = true)]
async fn r32_dropping_a_relay_closes_upstream_and_tells_who_watches() {
    let (mut relay, seen) = relay(&[Send(HELLO), Silence]);
    let control = relay.control();
    let told = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&told);
    control.on_end(move || heard.store(true, Ordering::Relaxed));
    assert!(poll_fn(|cx| relay.poll_next(cx)).await.is_some());
    drop(relay);
    assert!(seen.closed.load(Ordering::Relaxed) && told.load(Ordering::Relaxed));
    assert_eq!(control.summary().unwrap().outcome, Outcome::ClientGone);
}

#[tokio::test(start_paused = true)]
async fn r33_a_pump_whose_reader_sleeps_reads_a_little_ahead_only() {
    let big: &'static str = Box::leak(HELLO.replace("hi", &"x".repeat(10_000)).into_boxed_str());
    let mut steps = vec![Send(big); 1000];
    steps.extend([Send(STOP), Send(DONE)]);
    let (relay, seen) = relay(&steps);
    let pump = Pump::of_relay(relay, &Handle::current());
    let mut text = Vec::new();
    loop {
        // Virtual time moves when everything else waits: the pump has read all it will.
        sleep(Duration::from_millis(1)).await;
        let unread = seen.read.load(Ordering::Relaxed) * big.len() - text.len();
        assert!(unread <= 64 * 1024 + 2 * big.len() + 16 * 1024, "{unread} bytes wait");
        match pump.take() {
            Taken::Bytes(bytes) => text.extend(bytes),
            Taken::Ended => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(text.len(), 1000 * big.len() + STOP.len() + DONE.len());
}

#[tokio::test(start_paused = true)]
async fn an_endless_burst_lets_other_streams_have_their_turn() {
    let mut steps = vec![Send(": nothing\n\n"); 10_000];
    steps.extend([Send(STOP), Send(DONE)]);
    let (mut relay, seen) = relay(&steps);
    let polled = poll_fn(|cx| Poll::Ready(relay.poll_next(cx))).await;
    assert!(polled.is_pending() && seen.read.load(Ordering::Relaxed) < 100);
    assert_eq!(read(&mut relay).await.last().unwrap().0, [STOP, DONE].concat());
}

#[tokio::test(start_paused = true)]
async fn what_passed_is_kept_where_it_was_asked_for() {
    let steps = [Send(HELLO), Wait(20), Send(STOP), Cut];
    for (limit, kept) in [(1 << 20, usize::MAX), (50, 50), (1, 1)] {
        let mut relay = relay_of(source(&steps).0, limit);
        let went = read(&mut relay).await.into_iter().map(|(piece, _)| piece).collect::<String>();
        let summary = relay.control().summary().unwrap();
        let tee = summary.tee.as_ref().unwrap();
        let came = [HELLO, STOP].concat();
        assert_eq!(tee.upstream, came.as_bytes()[..kept.min(came.len())]);
        assert_eq!(tee.client, went.as_bytes()[..kept.min(went.len())]);
        assert!(went.contains(": keep-alive") || limit < 60, "keep-alives are what the client got, too");
    }
    let mut relay = relay_of(source(&steps).0, 0);
    read(&mut relay).await;
    assert!(relay.control().summary().unwrap().tee.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_passed_is_kept_of_a_stream_whose_client_leaves() {
    let mut relay = relay_of(source(&[Send(HELLO), Silence]).0, 1 << 20);
    poll_fn(|cx| relay.poll_next(cx)).await.unwrap();
    let control = relay.control();
    drop(relay);
    assert_eq!(control.summary().unwrap().tee.as_ref().unwrap().client, HELLO.as_bytes());
}
