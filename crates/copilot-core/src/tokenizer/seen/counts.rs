//! A table of counts by hash that threads read and write without waiting for each other.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Entries that a hash may be in: a line of the processor's cache.
const WAYS: usize = 4;

/// Bits of an entry's second word that hold the count; the others are of the hash.
const COUNT_BITS: u32 = 24;

/// 64 bytes for each set; what does not fit takes the place of another.
pub(super) struct Counts<const SETS: usize>([Set; SETS]);

#[repr(align(64))]
struct Set([Entry; WAYS]);

/// The second word is of 40 bits of the hash and the count, the first is the other half of the hash exclusive or
/// the second word: two halves of different entries, when a thread writes while another reads, do not match.
struct Entry(AtomicU64, AtomicU64);

impl<const SETS: usize> Counts<SETS> {
    pub(super) const fn new() -> Self {
        Self([const { Set([const { Entry(AtomicU64::new(0), AtomicU64::new(0)) }; WAYS]) }; SETS])
    }

    /// The count of what has this hash: the one kept, or else what `count` counts now.
    #[inline]
    pub(super) fn get_or_count(&self, [first, second]: [u64; 2], count: impl FnOnce() -> usize) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits only")]
        let (set, way) = (second as usize % SETS, first as usize % WAYS);
        let Some(Set(entries)) = self.0.get(set) else {
            return count();
        };
        let kept = second >> COUNT_BITS << COUNT_BITS;
        for entry in entries {
            let (hash, counted) = (entry.0.load(Relaxed), entry.1.load(Relaxed));
            let number = counted ^ kept;
            if hash ^ counted == first && number >> COUNT_BITS == 0 && number > 0 {
                #[expect(clippy::cast_possible_truncation, reason = "24 bits")]
                return number as usize;
            }
        }
        let count = count();
        let free = entries.iter().find(|entry| entry.1.load(Relaxed) == 0);
        if let Some(entry) = free.or_else(|| entries.get(way))
            && count >> COUNT_BITS == 0
        {
            let counted = kept | count as u64;
            entry.0.store(first ^ counted, Relaxed);
            entry.1.store(counted, Relaxed);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::Counts;

    /// A hash and a count of its own for each number; a few sets, so that each has many entries.
    fn hash(number: u32) -> ([u64; 2], usize) {
        let first = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ([first, first.rotate_left(21) ^ u64::from(number) << 40], number as usize % 1000 + 1)
    }

    #[test]
    fn a_count_is_kept_until_others_take_its_place() {
        let counts = Counts::<8>::new();
        let (key, count) = hash(7);
        assert_eq!(counts.get_or_count(key, || count), count);
        assert_eq!(counts.get_or_count(key, || unreachable!("it is kept")), count);
        for number in 100..10_000 {
            let (key, count) = hash(number);
            assert_eq!(counts.get_or_count(key, || count), count);
        }
        let mut counted_again = false;
        counts.get_or_count(key, || {
            counted_again = true;
            count
        });
        assert!(counted_again);
    }

    #[test]
    fn a_count_too_large_for_an_entry_is_counted_each_time() {
        let counts = Counts::<8>::new();
        for large in [1 << 24, usize::MAX] {
            assert_eq!(counts.get_or_count([1, 2], || large), large);
        }
        assert_eq!(counts.get_or_count([1, 2], || 5), 5);
    }

    #[test]
    fn threads_that_write_at_once_find_no_wrong_count() {
        let counts = Counts::<4>::new();
        thread::scope(|scope| {
            for start in 0..4_u32 {
                let counts = &counts;
                scope.spawn(move || {
                    for step in 0..50_000 {
                        let (key, count) = hash((start * 31 + step * step) % 64);
                        assert_eq!(counts.get_or_count(key, || count), count);
                    }
                });
            }
        });
    }
}
