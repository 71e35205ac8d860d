//! Hash of token bytes: the build script places tokens by it, the tokenizer finds them by it.
//!
//! It is perfect for the tokens of a vocabulary: a *pilot*, found by the build script for each bucket of
//! keys, sends them all to slots of their own. A look-up reads one pilot and one slot, whether the bytes are
//! a token or not.

/// Bytes of a slot: eight of the key, one of length, three of rank (low first).
pub(crate) const SLOT: usize = 12;

/// Length up to which the key of a slot is the token itself.
pub(crate) const SHORT: usize = 8;

/// Mixes a word with a constant: both halves of the product.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * 0xa076_1d64_78bd_642f;
    product as u64 ^ (product >> 64) as u64
}

/// The hash of a token of at most [`SHORT`] bytes: `word` has them, the first lowest, zeros above.
#[inline]
pub(crate) fn of_short(word: u64, length: usize) -> u64 {
    fold(word ^ (length as u64).wrapping_mul(0xe703_7ed1_a0b4_28db))
}

/// The hash of a longer token.
#[inline]
pub(crate) fn of_long(bytes: &[u8]) -> u64 {
    let length = (bytes.len() as u64).wrapping_mul(0xe703_7ed1_a0b4_28db);
    let whole = bytes.chunks_exact(8).filter_map(<[u8]>::first_chunk).fold(length, |state, word| {
        fold(state ^ u64::from_le_bytes(*word)) // a chain: the order of the words counts
    });
    let last = bytes.last_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    fold(whole ^ last.rotate_left(32))
}

/// Which of `buckets` a hash belongs to.
#[inline]
pub(crate) fn bucket(hash: u64, buckets: usize) -> usize {
    scale(hash >> 32, buckets)
}

/// Which of `slots` a hash is sent to by the pilot of its bucket.
#[inline]
pub(crate) fn slot(hash: u64, pilot: u16, slots: usize) -> usize {
    let moved =
        (hash ^ u64::from(pilot).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    scale(moved >> 32, slots)
}

/// The key of a slot of a longer token: where its bytes are, and half of its hash, which tells most other
/// bytes from it without looking at them.
#[inline]
pub(crate) fn long_key(hash: u64, offset: u32) -> u64 {
    hash << 32 | u64::from(offset)
}

/// `part`, of 32 bits, as that share of `whole`.
#[inline]
fn scale(part: u64, whole: usize) -> usize {
    ((part * whole as u64) >> 32) as usize
}
