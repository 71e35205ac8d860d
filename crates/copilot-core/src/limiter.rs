//! Minimum interval between requests that are sent: compat.md 3.9 with D-H19 cured; with a burst, a token bucket.
//!
//! Both are one algorithm (GCRA, the virtual scheduling of ITU-T I.371): what is kept is the time at which the
//! next request would come if all came an interval apart. A request may come earlier by the interval for each
//! further request of the burst.
//!
//! A state machine without a clock: times are monotonic seconds that the caller passes in, and the caller
//! wakes waiters when [`Limiter::release`] says so.

use std::collections::VecDeque;

/// One admitted request; remembers the schedule before and after it, so that it can be given back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Admission {
    before: Option<f64>,
    after: Option<f64>,
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
    /// Seconds that a request may come before its time.
    tolerance: f64,
    wait: bool,
    /// When the next request is due at an even pace; `None` before the first.
    due: Option<f64>,
    queue: VecDeque<u64>,
    next_ticket: u64,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float's cast saturates")]
fn whole(seconds: f64) -> u64 {
    seconds.ceil().max(0.0) as u64
}

impl Limiter {
    /// Makes a limiter; no interval, or none above 0, admits all. `wait` queues instead of refusing. So many
    /// requests as `burst` says may come at once after a pause; 0 means 1.
    #[must_use]
    pub fn new(interval: Option<f64>, wait: bool, burst: u32) -> Self {
        let interval = interval.filter(|seconds| *seconds > 0.0);
        let tolerance = interval.unwrap_or_default() * f64::from(burst.saturating_sub(1));
        Self { interval, tolerance, wait, due: None, queue: VecDeque::new(), next_ticket: 0 }
    }

    /// Decides about a request that comes now.
    pub fn admit(&mut self, now: f64) -> Decision {
        let Some(interval) = self.interval else {
            return Decision::Admitted(Admission { before: None, after: None });
        };
        let remaining = self.remaining(now);
        if remaining <= 0.0 && self.queue.is_empty() {
            return Decision::Admitted(self.take(now, interval));
        }
        if !self.wait {
            return Decision::Refused(whole(remaining).max(1));
        }
        #[expect(clippy::cast_precision_loss, reason = "no queue is as long as a double is precise")]
        let ahead = self.queue.len() as f64;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.queue.push_back(ticket);
        Decision::Queued { ticket, seconds: whole(remaining + interval * ahead) }
    }

    /// Seconds until [`Self::release`] has something to do; `None` while nobody waits.
    #[must_use]
    pub fn delay(&self, now: f64) -> Option<f64> {
        (!self.queue.is_empty()).then(|| self.remaining(now).max(0.0))
    }

    /// Admits the first waiter if its time has come. The slot is taken on its behalf at once, so that nobody
    /// slips in between.
    pub fn release(&mut self, now: f64) -> Option<(u64, Admission)> {
        let interval = self.interval?;
        if self.remaining(now) > 0.0 {
            return None;
        }
        let ticket = self.queue.pop_front()?;
        Some((ticket, self.take(now, interval)))
    }

    /// A waiter goes away; tells whether it was still waiting.
    pub fn leave(&mut self, ticket: u64) -> bool {
        let place = self.queue.iter().position(|other| *other == ticket);
        place.and_then(|place| self.queue.remove(place)).is_some()
    }

    /// The request was not sent after all: gives the slot back if nobody was admitted since, and tells so.
    pub fn withdraw(&mut self, admission: Admission) -> bool {
        let is_last = admission.after.is_some() && self.due == admission.after;
        if is_last {
            self.due = admission.before;
        }
        is_last
    }

    fn remaining(&self, now: f64) -> f64 {
        self.due.map_or(0.0, |due| due - self.tolerance - now)
    }

    fn take(&mut self, now: f64, interval: f64) -> Admission {
        let before = self.due;
        self.due = Some(before.map_or(now, |due| due.max(now)) + interval);
        Admission { before, after: self.due }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, Limiter};

    fn admitted(limiter: &mut Limiter, now: f64) -> bool {
        matches!(limiter.admit(now), Decision::Admitted(_))
    }

    #[test]
    fn without_a_burst_an_interval_lies_between_requests() {
        let mut limiter = Limiter::new(Some(10.0), false, 1);
        assert!(admitted(&mut limiter, 5.0));
        assert_eq!(limiter.admit(7.5), Decision::Refused(8));
        assert!(admitted(&mut limiter, 15.0));
        assert!(admitted(&mut limiter, 100.0));
        assert_eq!(limiter.admit(101.0), Decision::Refused(9));
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_the_rate() {
        let mut limiter = Limiter::new(Some(10.0), false, 3);
        let admitted: Vec<_> = (0..60).filter(|now| admitted(&mut limiter, f64::from(*now))).collect();
        assert_eq!(admitted, [0, 1, 2, 10, 20, 30, 40, 50]);
    }

    #[test]
    fn waiters_of_a_bucket_keep_the_pace() {
        let mut limiter = Limiter::new(Some(2.0), true, 2);
        assert!(admitted(&mut limiter, 0.0));
        assert!(admitted(&mut limiter, 0.0));
        assert_eq!(limiter.admit(0.0), Decision::Queued { ticket: 0, seconds: 2 });
        assert_eq!(limiter.admit(0.5), Decision::Queued { ticket: 1, seconds: 4 });
        assert_eq!(limiter.delay(0.5), Some(1.5));
        assert_eq!(limiter.release(1.9), None);
        assert_eq!(limiter.release(2.0).map(|(ticket, _)| ticket), Some(0));
        assert!(limiter.leave(1));
        assert_eq!(limiter.delay(2.0), None);
        assert_eq!(limiter.release(9.0), None);
    }

    #[test]
    fn a_slot_comes_back_while_it_is_the_last() {
        let mut limiter = Limiter::new(Some(10.0), false, 2);
        let Decision::Admitted(first) = limiter.admit(0.0) else { unreachable!() };
        let Decision::Admitted(second) = limiter.admit(0.0) else { unreachable!() };
        assert!(!limiter.withdraw(first));
        assert_eq!(limiter.admit(0.0), Decision::Refused(10));
        assert!(limiter.withdraw(second));
        assert!(admitted(&mut limiter, 0.0));
        assert!(!admitted(&mut limiter, 0.0));
    }
}
