//! An instant by two clocks: the steady one stands still while the machine sleeps, the wall clock may jump.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// How long ago that was, by the clock that says more: a connection that is dropped too early costs a new
    /// one, a dead one costs the call.
    pub(super) fn age(self) -> Duration {
        self.age_at(Self::now())
    }

    fn age_at(self, now: Self) -> Duration {
        let steady = now.steady.saturating_duration_since(self.steady);
        now.wall.duration_since(self.wall).map_or(steady, |wall| wall.max(steady))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r39_the_longer_age_counts() {
        let then = Moment::now();
        let second = Duration::from_secs(1);
        let at = |steady, wall| Moment { steady: then.steady + steady, wall };
        assert_eq!(then.age_at(at(second, then.wall + second)), second);
        // The machine slept.
        assert_eq!(then.age_at(at(second, then.wall + 9 * second)), 9 * second);
        // The wall clock was set back.
        assert_eq!(then.age_at(at(second, then.wall - 9 * second)), second);
    }
}
