//! The clock that all processes of one machine share, and percentiles in fixed memory.

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Nanoseconds of `CLOCK_MONOTONIC`: the same in every process.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Sub-buckets of one power of two: a percentile is right to 1/128.
const FINE: usize = 128;
const BUCKETS: usize = 58 * FINE;

/// Counts of nanoseconds in buckets that grow with the value.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    greatest: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, greatest: 0 }
    }

    fn bucket(value: u64) -> usize {
        let shift = (u64::BITS - value.leading_zeros()).saturating_sub(FINE.ilog2() + 1);
        // Below 2 * FINE the shift is 0 and the bucket is the value itself.
        shift as usize * FINE + usize::try_from(value >> shift).unwrap_or(0)
    }

    fn value(bucket: usize) -> u64 {
        let shift = (bucket / FINE).saturating_sub(1);
        ((bucket - shift * FINE) as u64) << shift
    }

    pub(crate) fn add(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(Self::bucket(value)) {
            *count += 1;
        }
        self.total += 1;
        self.greatest = self.greatest.max(value);
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    fn percentile(&self, share: f64) -> u64 {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Self::value(bucket).min(self.greatest);
            }
        }
        self.greatest
    }

    /// Percentiles in milliseconds; null when nothing was counted.
    pub(crate) fn report(&self) -> Value {
        if self.total == 0 {
            return Value::Null;
        }
        json!({
            "p50": milliseconds(self.percentile(0.50)),
            "p90": milliseconds(self.percentile(0.90)),
            "p99": milliseconds(self.percentile(0.99)),
            "p999": milliseconds(self.percentile(0.999)),
            "max": milliseconds(self.greatest),
        })
    }
}

/// Milliseconds to the microsecond.
#[expect(clippy::cast_precision_loss, reason = "days fit")]
pub(crate) fn milliseconds(nanoseconds: u64) -> f64 {
    (nanoseconds as f64 / 1000.0).round() / 1000.0
}

/// `count` a second, to the tenth.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn rate(count: u64, nanoseconds: u64) -> f64 {
    (count as f64 * 1e10 / nanoseconds.max(1) as f64).round() / 10.0
}

/// `part` of `all`, to the millionth.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn share(part: u64, all: u64) -> Value {
    ((part as f64 * 1e6 / all.max(1) as f64).floor() / 1e6).into()
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn buckets_are_right_to_a_128th() {
        for value in (0..2000).chain((11..63).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 77])) {
            let found = Histogram::value(Histogram::bucket(value));
            assert!(found <= value && value - found <= value / 128, "{value} became {found}");
        }
    }

    #[test]
    fn percentiles_are_of_all_values() {
        let mut all = Histogram::new();
        (1..=100).for_each(|value| all.add(value));
        assert_eq!((all.percentile(0.5), all.percentile(0.99), all.percentile(1.0)), (50, 99, 100));
    }
}
