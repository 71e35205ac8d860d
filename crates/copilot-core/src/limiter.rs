//! Minimum interval between requests that are sent: compat.md 3.9 with D-H19 cured.
//!
//! A state machine without a clock: times are monotonic seconds that the caller passes in, and the caller
//! wakes waiters when [`Limiter::release`] says so.

use std::collections::VecDeque;

/// One admitted request; remembers the clock before it, so that it can be given back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Admission {
    stamp: Option<f64>,
    before: Option<f64>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// It may go now.
    Admitted(Admission),
    /// It is refused; a slot is free in so many seconds, rounded up.
    Refused(u64),
    /// It waits, about so many seconds, rounded up.
    Queued {
        /// Names the waiter
        ticket: u64,
        /// Seconds
        seconds: u64,
    },
}

/// Admits one request every so many seconds, in order.
#[derive(Debug)]
pub struct Limiter {
    interval: Option<f64>,
    wait: bool,
    last: Option<f64>,
    queue: VecDeque<u64>,
    next_ticket: u64,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float's cast saturates")]
fn whole(seconds: f64) -> u64 {
    seconds.ceil().max(0.0) as u64
}

impl Limiter {
    /// Makes a limiter; no interval, or none above 0, admits all. `wait` queues instead of refusing.
    #[must_use]
    pub fn new(interval: Option<f64>, wait: bool) -> Self {
        let interval = interval.filter(|seconds| *seconds > 0.0);
        Self { interval, wait, last: None, queue: VecDeque::new(), next_ticket: 0 }
    }

    /// Decides about a request that comes now.
    pub fn admit(&mut self, now: f64) -> Decision {
        let Some(interval) = self.interval else {
            return Decision::Admitted(Admission { stamp: None, before: None });
        };
        let remaining = self.remaining(now);
        if remaining <= 0.0 && self.queue.is_empty() {
            return Decision::Admitted(self.take(now));
        }
        if !self.wait {
            return Decision::Refused(whole(remaining).max(1));
        }
        #[expect(clippy::cast_precision_loss, reason = "no queue is as long as a double is precise")]
        let ahead = self.queue.len() as f64;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.queue.push_back(ticket);
        Decision::Queued { ticket, seconds: whole(interval.mul_add(ahead, remaining)) }
    }

    /// Seconds until [`Self::release`] has something to do; `None` while nobody waits.
    #[must_use]
    pub fn delay(&self, now: f64) -> Option<f64> {
        (!self.queue.is_empty()).then(|| self.remaining(now).max(0.0))
    }

    /// Admits the first waiter if its time has come. The slot is taken on its behalf at once, so that nobody
    /// slips in between.
    pub fn release(&mut self, now: f64) -> Option<(u64, Admission)> {
        if self.remaining(now) > 0.0 {
            return None;
        }
        let ticket = self.queue.pop_front()?;
        Some((ticket, self.take(now)))
    }

    /// A waiter goes away; tells whether it was still waiting.
    pub fn leave(&mut self, ticket: u64) -> bool {
        let place = self.queue.iter().position(|other| *other == ticket);
        place.and_then(|place| self.queue.remove(place)).is_some()
    }

    /// The request was not sent after all: gives the slot back if nobody was admitted since.
    pub fn withdraw(&mut self, admission: Admission) {
        if admission.stamp.is_some() && self.last == admission.stamp {
            self.last = admission.before;
        }
    }

    fn remaining(&self, now: f64) -> f64 {
        match (self.interval, self.last) {
            (Some(interval), Some(last)) => last + interval - now,
            _ => 0.0,
        }
    }

    fn take(&mut self, now: f64) -> Admission {
        let before = self.last.replace(now);
        Admission { stamp: Some(now), before }
    }
}
