//! Merging a few bytes: all joins are looked at to find the lowest.
#![expect(clippy::indexing_slicing, reason = "all positions are below the size of a window")]

use wide::f32x8;

use crate::tokenizer::vocabulary::Vocabulary;

/// Bytes that can be merged so: a bit of a word for each.
pub(super) const WINDOW: usize = 64;

const POSITION_BITS: u32 = WINDOW.ilog2();

/// Room behind the bytes, so that words can be read from all of them.
const ROOM: usize = 8;

/// The join of what starts here with what follows: its rank, and below it its position, so that the lowest is
/// the leftmost as well. The build script sees to it that both fit into the 24 bits which `f32` holds exactly,
/// of which the lowest of eight is one instruction everywhere.
type Join = f32;

/// Where nothing starts, or forms no token with what follows.
const NEVER: Join = f32::INFINITY;

const LANES: usize = 8;

/// Where the tokens start of a text of at most [`WINDOW`] bytes: a bit for each byte.
pub(super) fn starts(text: &[u8], vocabulary: &Vocabulary) -> u64 {
    let length = text.len();
    let mut bytes = [0; WINDOW + ROOM];
    bytes[..length].copy_from_slice(text);
    let join = |start: usize, end: usize| match vocabulary.rank(&bytes, start, end) {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "24 bits")]
        Some(rank) => (rank << POSITION_BITS | start as u32) as Join,
        None => NEVER,
    };
    let mut joins = [[NEVER; LANES]; WINDOW / LANES];
    let flat = joins.as_flattened_mut();
    for at in 1..length {
        flat[at - 1] = join(at - 1, at + 1);
    }
    let mut starts = below(u64::MAX, length);
    let used = length.div_ceil(LANES);
    loop {
        let lowest = lowest(&joins[..used]);
        if lowest == NEVER {
            return starts;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "24 bits")]
        let at = lowest as u32 as usize % WINDOW;
        let middle = first_after(starts, at);
        starts &= !(1 << middle);
        let flat = joins.as_flattened_mut();
        flat[middle] = NEVER;
        let end = first_after(starts, at);
        flat[at] = if end < length { join(at, first_after(starts, end).min(length)) } else { NEVER };
        if let Some(before) = below(starts, at).checked_ilog2() {
            flat[before as usize] = join(before as usize, end.min(length));
        }
    }
}

#[inline]
fn lowest(joins: &[[Join; LANES]]) -> Join {
    let lanes = joins.iter().fold(f32x8::splat(NEVER), |lowest, joins| lowest.fast_min(f32x8::new(*joins)));
    // None is negative: the bits are in the order of the numbers, and integers compare without a branch.
    let bits = lanes.to_array().into_iter().fold(NEVER.to_bits(), |lowest, join| lowest.min(join.to_bits()));
    Join::from_bits(bits)
}

/// The bits below `at`.
#[inline]
pub(super) const fn below(bits: u64, at: usize) -> u64 {
    if at < WINDOW { bits & !(u64::MAX << at) } else { bits }
}

/// The lowest bit above `at`; [`WINDOW`] when there is none.
#[inline]
pub(super) const fn first_after(bits: u64, at: usize) -> usize {
    (bits & (u64::MAX << 1 << at)).trailing_zeros() as usize
}
