//! The clock of one connection: what it waits for at the moment, and whether that took too long.

use std::{pin::Pin, sync::Arc, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

use super::link::{Link, Phase};

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    Idle,
    Head,
    Write,
}

/// One timer for all that a connection waits for. It is set when a wait begins that ends before the timer does,
/// and not when one ends: a request that is served at once costs a look at the clock.
pub(super) struct Keeper {
    link: Arc<Link>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the connection is in this phase, and after how many answers.
    since: (Phase, u64, Instant),
    /// Since when the client takes nothing, and behind which write.
    blocked: Option<(u64, Instant)>,
    /// For HTTP/2: how long it may take to close after it was told to.
    closing: Option<Duration>,
}

impl Keeper {
    pub(super) fn new(link: Arc<Link>) -> Self {
        let since = (Phase::Idle, 0, Instant::now());
        Self { link, timer: None, since, blocked: None, closing: None }
    }

    /// From now on an idle connection has `limit` to end.
    pub(super) fn close_within(&mut self, limit: Duration) {
        self.closing = Some(limit);
        self.since.2 = Instant::now();
    }

    /// Returns what took too long. Wakes the task of `cx` when something will have.
    pub(super) fn check(&mut self, cx: &mut Context<'_>) -> Option<Expired> {
        let (deadline, what) = self.deadline()?;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Some(what);
            }
            timer.as_mut().reset(deadline);
        }
        None
    }

    fn deadline(&mut self) -> Option<(Instant, Expired)> {
        let options = &self.link.shared.options;
        let phase = if self.link.active() > 0 { Phase::Busy } else { self.link.phase() };
        let waits = match phase {
            // Who is only to be sent away has to come for it.
            Phase::Idle if self.link.is_surplus() => {
                Some((options.keep_alive.min(options.header_timeout), Expired::Idle))
            }
            Phase::Idle => Some((self.closing.unwrap_or(options.keep_alive), Expired::Idle)),
            Phase::Head => Some((options.header_timeout, Expired::Head)),
            Phase::Busy | Phase::Flushing => None,
        };
        let waits = waits.map(|(limit, what)| {
            let served = self.link.served();
            if (self.since.0, self.since.1) != (phase, served) {
                self.since = (phase, served, Instant::now());
            }
            (self.since.2 + limit, what)
        });
        if waits.is_none() {
            self.since.0 = phase;
        }
        if !self.link.is_blocked() {
            self.blocked = None;
            return waits;
        }
        let writes = self.link.writes();
        let since = match self.blocked {
            Some((behind, since)) if behind == writes => since,
            _ => Instant::now(),
        };
        self.blocked = Some((writes, since));
        let blocked = (since + options.write_stall, Expired::Write);
        waits.filter(|waits| waits.0 < blocked.0).or(Some(blocked))
    }
}
