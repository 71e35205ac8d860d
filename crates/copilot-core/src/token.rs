//! When a Copilot token is fresh, and when it is renewed: D-R1 to D-R4, R-43 to R-47.
//!
//! A state machine without clocks: the caller passes in monotonic and wall time, in seconds. Monotonic time may
//! stand still while a laptop sleeps, wall time may jump.

/// Seconds a token is believed to live when `refresh_in` says nothing useful (upstream.md 1.3).
const DEFAULT_LIFE: f64 = 1500.0;
const SHORTEST_LIFE: f64 = 60.0;
const LONGEST_LIFE: f64 = 24.0 * 3600.0;
/// The official client takes a token to expire `refresh_in + 60` seconds after it came (upstream.md 1.3).
const GRACE: f64 = 60.0;
/// Seconds between two background renewals, whatever `refresh_in` says (D-R2, R-46).
const FLOOR: f64 = 30.0;
/// Seconds between the end of an attempt and the next one, whoever asks for it.
const GAP: f64 = 1.0;
const FIRST_BACKOFF: f64 = 1.0;
const LAST_BACKOFF: f64 = 60.0;
/// A difference between the clocks that is a clock that was set, not a lid that was closed.
const CLOCK_WAS_SET: f64 = 23.0 * 3600.0;

/// A moment by both clocks, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Monotonic
    pub monotonic: f64,
    /// Since 1970
    pub wall: f64,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    since: Moment,
    life: f64,
}

/// The life of one token after another.
#[derive(Debug, Default)]
pub struct TokenClock {
    held: Option<Held>,
    failures: u32,
    /// When the last attempt ended, by the monotonic clock
    tried: Option<f64>,
}

/// Seconds a grant is used for, from its receipt. Bad numbers give the default.
#[must_use]
pub fn life_of(refresh_in: Option<f64>) -> f64 {
    match refresh_in {
        Some(seconds) if seconds > 0.0 => (seconds + GRACE).clamp(SHORTEST_LIFE, LONGEST_LIFE),
        _ => DEFAULT_LIFE,
    }
}

impl TokenClock {
    /// Whether there is a token that is believed to be valid.
    #[must_use]
    pub fn is_fresh(&self, now: Moment) -> bool {
        self.held.is_some_and(|held| {
            let (monotonic, wall) = (now.monotonic - held.since.monotonic, now.wall - held.since.wall);
            // A token is tried when the wall clock was set, and a 401 renews it.
            let believed = monotonic.max(wall) < held.life || (wall - monotonic).abs() >= CLOCK_WAS_SET;
            monotonic < held.life && believed
        })
    }

    /// Whether there is a token, fresh or not.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// A token came; returns the seconds until it is to be renewed. `jitter` is a factor near 1.
    pub fn granted(&mut self, refresh_in: Option<f64>, now: Moment, jitter: f64) -> f64 {
        let life = life_of(refresh_in);
        self.failures = 0;
        self.held = Some(Held { since: now, life });
        ((life - GRACE) * 0.8 * jitter).max(FLOOR)
    }

    /// An exchange failed.
    pub const fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Seconds until the next attempt after failures.
    #[must_use]
    pub fn backoff(&self, jitter: f64) -> f64 {
        let exponent = i32::try_from(self.failures.saturating_sub(1).min(10)).unwrap_or_default();
        (FIRST_BACKOFF * 2.0_f64.powi(exponent)).min(LAST_BACKOFF) * jitter
    }

    /// An attempt ended, well or not.
    pub const fn tried(&mut self, monotonic: f64) {
        self.tried = Some(monotonic);
    }

    /// Seconds that the next attempt must wait.
    #[must_use]
    pub fn pause(&self, monotonic: f64) -> f64 {
        self.tried.map_or(0.0, |tried| (tried + GAP - monotonic).clamp(0.0, GAP))
    }

    /// Upstream refused the token.
    pub const fn forget(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, TokenClock};

    fn at(monotonic: f64, wall: f64) -> Moment {
        Moment { monotonic, wall }
    }

    #[test]
    fn either_clock_ends_a_token_but_not_one_that_was_set() {
        let mut clock = TokenClock::default();
        assert!(!clock.is_fresh(at(0.0, 0.0)));
        let due = clock.granted(Some(1500.0), at(0.0, 1000.0), 1.0);
        assert!((due - 1200.0).abs() < 1e-9);
        assert!(clock.is_fresh(at(1559.0, 2559.0)));
        assert!(!clock.is_fresh(at(1560.0, 2560.0)));
        assert!(!clock.is_fresh(at(10.0, 4000.0)), "a laptop slept");
        assert!(clock.is_fresh(at(10.0, 1000.0 + 90_000.0)), "the wall clock was set ahead");
        assert!(clock.is_fresh(at(10.0, -50_000.0)), "or back");
        clock.forget();
        assert!(!clock.is_fresh(at(1.0, 1001.0)));
    }

    #[test]
    fn r47_the_next_attempt_waits_a_second_whoever_asks() {
        let mut clock = TokenClock::default();
        assert!(clock.pause(7.0).abs() < 1e-9);
        clock.tried(7.0);
        assert!((clock.pause(7.25) - 0.75).abs() < 1e-9);
        assert!(clock.pause(8.0).abs() < 1e-9);
        assert!(clock.pause(1e9).abs() < 1e-9);
        assert!((clock.pause(-5.0) - 1.0).abs() < 1e-9, "at most a second, whatever the clock says");
    }

    #[test]
    fn attempts_are_spaced() {
        let mut clock = TokenClock::default();
        let mut seconds = Vec::new();
        for _ in 0..9 {
            clock.failed();
            seconds.push(clock.backoff(1.0));
        }
        assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
        assert!((clock.granted(Some(-1.0), at(0.0, 0.0), 1.0) - 1152.0).abs() < 1e-9);
        assert!((clock.granted(Some(1.0), at(0.0, 0.0), 1.0) - 30.0).abs() < 1e-9);
    }
}
