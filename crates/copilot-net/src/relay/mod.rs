//! One upstream body through one translator to one client.
//!
//! A [`Relay`] reads only when it is polled, so a client that stops reading stops upstream. Dropping it
//! closes the upstream connection: end, error, disconnect and shutdown take this one path. Its specification is
//! `engine/reference/relay.py`.

mod ahead;
mod control;
mod progress;
mod pump;
mod source;
mod summary;
mod tee;
#[cfg(test)]
mod tests;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use copilot_core::{
    hook::{self, Stage},
    plans::{StreamPlan, Unsupported},
    streams::{Refusal, StreamEnd, StreamTranslator},
};
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};

pub use self::{
    ahead::Taken,
    control::Control,
    progress::Progress,
    pump::Pump,
    source::Source,
    summary::{Outcome, Summary},
    tee::Tee,
};

/// Bytes for the client that are put together when more of upstream's are there already. Frames that come one
/// by one go out one by one; what came in a burst costs one write.
const ENOUGH: usize = 16 * 1024;

/// Chunks that are read in one go; then other streams get their turn.
const BURST: usize = 64;

/// How long silence may last, and what is kept; zero switches a limit off.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// After which the client gets a keep-alive frame.
    pub keep_alive: Duration,
    /// Without upstream bytes, which ends the stream.
    pub idle: Duration,
    /// Without frames of the answer: comments alone do not count.
    pub content: Duration,
    /// Bytes of each side that are kept to be looked at.
    pub capture: usize,
}

/// See the module.
pub struct Relay {
    source: Source,
    translator: StreamTranslator,
    plan: StreamPlan,
    limits: Limits,
    control: Arc<Control>,
    progress: Arc<Progress>,
    /// What [`poll_first`](Self::poll_first) found.
    ready: Option<Bytes>,
    over: bool,
    panicked: bool,
    began: Instant,
    /// When upstream bytes came.
    heard: Instant,
    /// When a frame of the answer came.
    content: Instant,
    /// When the client was sent something.
    told: Instant,
    /// When bytes were handed out, until the next are asked for.
    away: Option<Instant>,
    first_byte: Option<Duration>,
    bytes_in: u64,
    bytes_out: u64,
    events: u64,
    /// Spent in the translator, and how often.
    translating: (Duration, u64),
    tee: Option<Box<Tee>>,
    /// Fires at the earliest deadline or before it: chunks do not touch it.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Relay {
    /// Makes a relay of `source`. Must be called, and polled, inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] when no translator of ours can do what `plan` says.
    pub fn new(source: Source, plan: StreamPlan, limits: Limits) -> Result<Self, Unsupported> {
        let now = source.since();
        Ok(Self {
            source,
            translator: StreamTranslator::new(&plan)?,
            plan,
            limits,
            control: Arc::default(),
            progress: Arc::new(Progress::new(now)),
            ready: None,
            over: false,
            panicked: false,
            began: now,
            heard: now,
            content: now,
            told: now,
            away: None,
            first_byte: None,
            bytes_in: 0,
            bytes_out: 0,
            events: 0,
            translating: (Duration::ZERO, 0),
            tee: Tee::new(limits.capture),
            timer: None,
        })
    }

    /// The handle for whoever watches or stops this relay.
    #[must_use]
    pub fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// How far this relay has come.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Waits until the first frame is judged, one keep-alive interval at most: after it the client is given
    /// its status and a keep-alive frame.
    ///
    /// # Errors
    ///
    /// The refusal, so that a failing stream becomes a status.
    pub fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        while self.ready.is_none() && !self.over {
            match self.advance(cx) {
                Poll::Ready(out) => self.ready = (!out.is_empty()).then(|| out.into()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(self.translator.refusal().cloned().map_or(Ok(()), Err))
    }

    /// Returns the next bytes for the client, never empty ones; None after the end.
    ///
    /// A failure of the stream is no error here: it is in the bytes.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(ready) = self.ready.take() {
                self.away = Some(Instant::now());
                return Poll::Ready(Some(ready));
            }
            if self.over {
                return Poll::Ready(None);
            }
            self.come_back();
            match self.advance(cx) {
                Poll::Ready(out) => self.ready = (!out.is_empty()).then(|| out.into()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// While the client did not read we did not either: that time is no silence of upstream's.
    fn come_back(&mut self) {
        if let Some(away) = self.away.take() {
            let gone = away.elapsed();
            self.heard += gone;
            self.content += gone;
        }
    }

    /// Waits for one thing to happen and returns the bytes it gives, maybe none.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        let mut out = Vec::new();
        for _ in 0..BURST {
            if let Some(end) = self.control.stopped() {
                self.end(end, "", &mut out);
                return Poll::Ready(out);
            }
            match self.source.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    self.take(&chunk, &mut out);
                    if self.over || out.len() >= ENOUGH {
                        return Poll::Ready(out);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.end(StreamEnd::Cut, &error.to_string(), &mut out);
                    return Poll::Ready(out);
                }
                Poll::Ready(None) => {
                    self.end(StreamEnd::End, "", &mut out);
                    return Poll::Ready(out);
                }
                Poll::Pending if !out.is_empty() => return Poll::Ready(out),
                Poll::Pending => {
                    if !self.control.watch(cx.waker()) {
                        return self.poll_silence(cx, out);
                    }
                }
            }
        }
        if out.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(out)
    }

    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.heard = Instant::now();
        self.first_byte.get_or_insert_with(|| self.heard - self.began);
        self.bytes_in += chunk.len() as u64;
        if let Some(tee) = &mut self.tee {
            tee.came(chunk);
        }
        self.translating.1 += 1;
        if out.capacity() == 0 {
            out.reserve(chunk.len() + 128);
        }
        self.translate(out, |translator, out| translator.feed(chunk, out));
        self.translating.0 += self.heard.elapsed();
        let events = self.translator.events();
        if events != self.events {
            self.events = events;
            self.content = self.heard;
        }
        self.progress.note(self.events, self.bytes_out, self.content);
        if self.translator.done() {
            let failed = self.translator.error().is_some() || self.translator.refusal().is_some();
            self.finish(if failed { Outcome::UpstreamFailed } else { Outcome::Completed }, None);
        } else if !self.limits.content.is_zero() && self.heard - self.content >= self.limits.content {
            // Comments that come without a pause leave no silence in which the timer is looked at.
            self.end_without_content(out);
        }
    }

    fn end_without_content(&mut self, out: &mut Vec<u8>) {
        let message = format!("upstream sent no content for {} s", self.limits.content.as_secs_f64());
        self.end(StreamEnd::Idle, &message, out);
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>, mut out: Vec<u8>) -> Poll<Vec<u8>> {
        loop {
            let (now, limits) = (Instant::now(), self.limits);
            let due = |since: Instant, limit: Duration| (!limit.is_zero()).then(|| since + limit);
            let (idle, content) = (due(self.heard, limits.idle), due(self.content, limits.content));
            let keep_alive = due(self.told, limits.keep_alive);
            if idle.is_some_and(|due| due <= now) {
                let message = format!("upstream was silent for {} s", limits.idle.as_secs_f64());
                self.end(StreamEnd::Idle, &message, &mut out);
                return Poll::Ready(out);
            }
            if content.is_some_and(|due| due <= now) {
                self.end_without_content(&mut out);
                return Poll::Ready(out);
            }
            if keep_alive.is_some_and(|due| due <= now) {
                self.told = now;
                self.translate(&mut out, StreamTranslator::keep_alive);
                return Poll::Ready(out);
            }
            let Some(next) = [idle, content, keep_alive].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if timer.is_elapsed() || timer.deadline() > next {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn end(&mut self, end: StreamEnd, message: &str, out: &mut Vec<u8>) {
        self.translate(out, |translator, out| translator.finish(end, message, out));
        let failed = self.translator.error().is_some() || self.translator.refusal().is_some();
        let outcome = match end {
            StreamEnd::Shutdown => Outcome::Shutdown,
            StreamEnd::Cancelled => Outcome::Cancelled,
            // The answer was whole before the connection failed.
            _ if !failed => Outcome::Completed,
            StreamEnd::Idle => Outcome::Deadline,
            StreamEnd::End | StreamEnd::Cut | StreamEnd::TooLarge => Outcome::UpstreamFailed,
        };
        self.finish(outcome, Some(end));
    }

    /// Runs the translator. A panic in it ends this stream with an in-band error, and nothing else.
    fn translate(&mut self, out: &mut Vec<u8>, work: impl FnOnce(&mut StreamTranslator, &mut Vec<u8>)) {
        let before = out.len();
        if catch_unwind(AssertUnwindSafe(|| {
            hook::enter(Stage::Relay);
            work(&mut self.translator, out);
        }))
        .is_err()
        {
            self.panicked = true;
            out.truncate(before);
            if let Ok(fresh) = StreamTranslator::new(&self.plan) {
                self.translator = fresh;
                let mut told = Vec::new();
                // The client may have something already: the error must not become a refusal.
                self.translator.keep_alive(&mut told);
                self.translator.finish(StreamEnd::Cut, "internal error of the gateway", out);
            }
        }
        self.bytes_out += (out.len() - before) as u64;
        if let (Some(tee), Some(made)) = (&mut self.tee, out.get(before..)) {
            tee.went(made);
        }
        if out.len() > before {
            self.told = self.heard.max(self.told);
        }
    }

    fn finish(&mut self, outcome: Outcome, end: Option<StreamEnd>) {
        if self.over {
            return;
        }
        self.over = true;
        self.timer = None;
        // Now, not when the client has read what is left.
        self.source.close();
        self.control.end(Summary {
            outcome,
            end,
            facts: self.translator.facts(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            first_byte: self.first_byte,
            duration: self.began.elapsed(),
            translating: self.translating,
            panicked: self.panicked,
            tee: self.tee.take(),
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.finish(Outcome::ClientGone, None);
    }
}

impl http_body::Body for Relay {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.get_mut().poll_next(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.ready.is_none()
    }
}
