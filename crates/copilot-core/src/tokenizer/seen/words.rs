//! Counts of short pieces of text: names and words that are no tokens, and common tokens close together where
//! the vocabulary has them far apart.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{counts::Counts, secret};
use crate::tokenizer::{hash::of_short, vocabulary::word_at};

/// The most bytes of a short word: those of an entry but one.
const SHORT: usize = 7;
/// The most bytes of a word: two overlapping words of the processor have all of them.
const LONG: usize = 16;

const INDEX_BITS: u32 = 14;
/// An entry's bits above the bytes: three of their number, then the count.
const LENGTH_SHIFT: u32 = 56;
const COUNT_SHIFT: u32 = LENGTH_SHIFT + 3;

/// 128 KB for the short ones, 64 KB for the others.
pub(crate) struct Words {
    /// An entry has the bytes, their number and their count: it is exact, and written and read at once.
    short: [AtomicU64; 1 << INDEX_BITS],
    long: Counts<1024>,
}

impl Words {
    #[expect(clippy::large_stack_arrays, reason = "it is made when it is compiled, for a static")]
    pub(super) const fn new() -> Self {
        Self { short: [const { AtomicU64::new(0) }; 1 << INDEX_BITS], long: Counts::new() }
    }

    /// The number of tokens of `text` from `start` to `end`, as it was counted before, or else as `count` counts it.
    #[inline]
    pub(crate) fn get_or_count(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        count: impl FnOnce() -> usize,
    ) -> usize {
        match end - start {
            length @ 1..=SHORT => self.short(word_at(text, start, length), length, count),
            length @ 8..=LONG => {
                let (first, last) = (word_at(text, start, 8), word_at(text, end - 8, 8));
                self.long.get_or_count(hash(first, last, length), count)
            }
            _ => count(),
        }
    }

    #[inline]
    fn short(&self, word: u64, length: usize, count: impl FnOnce() -> usize) -> usize {
        let index = (of_short(word, length) >> (64 - INDEX_BITS)) as usize;
        let Some(entry) = self.short.get(index) else {
            return count();
        };
        let key = word | (length as u64) << LENGTH_SHIFT;
        let known = entry.load(Relaxed);
        if known & ((1 << COUNT_SHIFT) - 1) == key {
            return (known >> COUNT_SHIFT) as usize;
        }
        let count = count();
        entry.store(key | (count as u64) << COUNT_SHIFT, Relaxed);
        count
    }
}

/// Two products of the words, each with other secrets: those of different words are equal once in 2^120 times.
#[inline]
fn hash(first: u64, last: u64, length: usize) -> [u64; 2] {
    let [a, b, c, d] = secret();
    let last = last ^ (length as u64).wrapping_mul(0xe703_7ed1_a0b4_28db);
    [multiplied(first ^ a, last ^ b), multiplied(first ^ c, last ^ d)]
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
fn multiplied(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}
