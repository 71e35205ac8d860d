//! Byte pair merging of one piece.
//!
//! Parts begin as single bytes. Again and again the two neighbours whose joined bytes have the lowest rank
//! become one part, the leftmost first. Two ways to find them: short pieces search a small array, long ones
//! keep a heap, so that one word of a megabyte takes n log n and not n² (D-H14).
#![expect(
    clippy::indexing_slicing,
    reason = "all positions are found in the piece and stay below its length"
)]

use std::{cmp::Reverse, collections::BinaryHeap};

use super::vocabulary::{Rank, Vocabulary};

/// Bytes up to which searching beats the heap.
const SHORT: usize = 64;

/// How many tokens are left of `piece` when no neighbours can be joined any more.
pub(crate) fn merged_length(piece: &[u8], vocabulary: &Vocabulary) -> usize {
    if piece.len() <= SHORT {
        return by_search(piece, vocabulary);
    }
    // A heap entry has 32 bits for a position. Nothing that gets here is that long; if it were, the count
    // would be off by a token for each 4 GB.
    piece.chunks(u32::MAX as usize).map(|chunk| by_heap(chunk, vocabulary)).sum()
}

/// Rank of two neighbours that form no token.
const NEVER: Rank = Rank::MAX;

fn by_search(piece: &[u8], vocabulary: &Vocabulary) -> usize {
    let rank = |start: usize, end: usize| vocabulary.rank(&piece[start..end]).unwrap_or(NEVER);
    // Of each part: where it starts, and the rank of it joined with the next.
    let mut starts = [0_usize; SHORT + 1];
    let mut ranks = [NEVER; SHORT + 1];
    let mut parts = piece.len();
    for at in 0..parts {
        starts[at] = at;
        ranks[at] = if at + 1 < parts { rank(at, at + 2) } else { NEVER };
    }
    starts[parts] = parts;
    loop {
        let mut lowest = (NEVER, 0);
        for (at, &candidate) in ranks[..parts].iter().enumerate() {
            if candidate < lowest.0 {
                lowest = (candidate, at);
            }
        }
        let (NEVER, _) = lowest else {
            let at = lowest.1;
            starts.copy_within(at + 2..=parts, at + 1);
            ranks.copy_within(at + 2..=parts, at + 1);
            parts -= 1;
            ranks[at] = if at + 1 < parts { rank(starts[at], starts[at + 2]) } else { NEVER };
            if at > 0 {
                ranks[at - 1] = rank(starts[at - 1], starts[at + 1]);
            }
            continue;
        };
        return parts;
    }
}

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

fn by_heap(piece: &[u8], vocabulary: &Vocabulary) -> usize {
    let join = |start: usize, end: usize| {
        let rank = vocabulary.rank(&piece[start..end])?;
        Some(Reverse(Join::new(rank, start, end - start)))
    };
    let mut parts = Parts { from_start: vec![1; piece.len()], from_end: vec![1; piece.len()] };
    let mut joins: BinaryHeap<_> = (0..piece.len() - 1).filter_map(|start| join(start, start + 2)).collect();
    let mut count = piece.len();
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
        count -= 1;
        if end < piece.len() {
            joins.extend(join(start, end + usize::from(parts.from_start[end])));
        }
        if start > 0 {
            joins.extend(join(start - usize::from(parts.from_end[start - 1]), end));
        }
    }
    count
}
