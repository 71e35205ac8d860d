//! When a list that is kept is fetched anew: served while it is refreshed, one refresh at a time.

/// See the module.
#[derive(Debug)]
pub struct Freshness {
    time_to_live: f64,
    retry_after: f64,
    due: f64,
}

impl Freshness {
    /// Makes the state of a list that was never fetched. It is fresh for `time_to_live` seconds; a refresh that
    /// failed is tried again after `retry_after` seconds.
    #[must_use]
    pub const fn new(time_to_live: f64, retry_after: f64) -> Self {
        Self { time_to_live, retry_after, due: f64::NEG_INFINITY }
    }

    /// The time before which [`Self::begin`] is false; infinite while a refresh runs.
    #[must_use]
    pub const fn due(&self) -> f64 {
        self.due
    }

    /// Tells whether a refresh is to be started now; if so it is taken to be under way.
    pub fn begin(&mut self, now: f64) -> bool {
        let stale = now >= self.due;
        if stale {
            self.due = f64::INFINITY;
        }
        stale
    }

    /// Notes the end of a refresh, or that the list was loaded.
    pub fn end(&mut self, now: f64, refreshed: bool) {
        self.due = now + if refreshed { self.time_to_live } else { self.retry_after };
    }
}

#[cfg(test)]
mod tests {
    use super::Freshness;

    #[test]
    fn one_refresh_at_a_time_and_later_again() {
        let mut list = Freshness::new(600.0, 30.0);
        assert!(list.begin(0.0));
        assert!(!list.begin(1e9));
        list.end(1.0, true);
        assert!(!list.begin(600.0));
        assert!(list.begin(601.0));
        list.end(602.0, false);
        assert!(!list.begin(631.0));
        assert!(list.begin(632.0));
    }
}
