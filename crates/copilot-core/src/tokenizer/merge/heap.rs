//! Merging any number of bytes: a heap keeps the lowest join at hand.
#![expect(
    clippy::indexing_slicing,
    reason = "all positions are found in the piece and stay below its length"
)]

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::tokenizer::vocabulary::{Rank, Vocabulary};

/// Two neighbours that could be joined; the lowest rank first, then the leftmost.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct Join(u64);

impl Join {
    fn new(rank: Rank, start: usize, length: usize) -> Self {
        Self(u64::from(rank) << 40 | (start as u64) << 8 | length as u64)
    }

    #[expect(clippy::cast_possible_truncation, reason = "these bits were put there by `new`")]
    fn bounds(self) -> (usize, usize) {
        let start = (self.0 >> 8) as u32 as usize;
        (start, start + (self.0 & 0xff) as usize)
    }
}

/// The lengths of the parts, at their first and at their last byte: a part's neighbours are found from both
/// sides. At most 128 each, so a byte is enough; zero where no part starts.
struct Parts {
    from_start: Vec<u8>,
    from_end: Vec<u8>,
}

impl Parts {
    fn set(&mut self, start: usize, end: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "a part is a token, of 128 bytes at most")]
        let length = (end - start) as u8;
        self.from_start[start] = length;
        self.from_end[end - 1] = length;
    }
}

/// Where the tokens start of a text of at least two bytes.
pub(super) fn starts(piece: &[u8], vocabulary: &Vocabulary) -> Vec<usize> {
    // A heap entry has 32 bits for a position. Nothing that gets here is that long; if it were, the count
    // would be off by a token for each 4 GB.
    let chunks = piece.chunks(u32::MAX as usize).enumerate();
    let starts = chunks.flat_map(|(number, chunk)| {
        let before = number * u32::MAX as usize;
        merged(chunk, vocabulary)
            .into_iter()
            .enumerate()
            .filter_map(move |(at, length)| (length > 0).then_some(before + at))
    });
    starts.collect()
}

/// The length of the token that starts at each byte; zero where none does.
fn merged(piece: &[u8], vocabulary: &Vocabulary) -> Vec<u8> {
    let join = |start: usize, end: usize| {
        let rank = vocabulary.rank(piece, start, end)?;
        Some(Reverse(Join::new(rank, start, end - start)))
    };
    let mut parts = Parts { from_start: vec![1; piece.len()], from_end: vec![1; piece.len()] };
    let mut joins: BinaryHeap<_> = (2..=piece.len()).filter_map(|end| join(end - 2, end)).collect();
    while let Some(Reverse(next)) = joins.pop() {
        let (start, end) = next.bounds();
        let middle = start + usize::from(parts.from_start[start]);
        // Outdated when one of the two parts has been joined to another since. What is two parts again from
        // `start` to `end` has the same bytes, hence the same rank.
        if middle == start || middle >= end || middle + usize::from(parts.from_start[middle]) != end {
            continue;
        }
        parts.from_start[middle] = 0;
        parts.set(start, end);
        if end < piece.len() {
            joins.extend(join(start, end + usize::from(parts.from_start[end])));
        }
        if start > 0 {
            joins.extend(join(start - usize::from(parts.from_end[start - 1]), end));
        }
    }
    parts.from_start
}
