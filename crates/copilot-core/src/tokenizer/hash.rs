//! Hash of token bytes: the build script places tokens by it, the tokenizer finds them by it.

/// Bits of a slot that hold the entry's offset; those above hold the tag.
pub(crate) const OFFSET_BITS: u32 = 22;

/// A slot without a token; no offset is that large.
pub(crate) const EMPTY_SLOT: u32 = u32::MAX;

/// The bytes of a token, folded into two words, and their hash.
///
/// Up to [`Key::EXACT`] bytes the words and the length say everything: equal words are equal bytes.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    first: u64,
    last: u64,
    hash: u64,
}

impl Key {
    /// Length up to which the words are the bytes.
    pub(crate) const EXACT: usize = 16;

    #[inline]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let (first, last) = words(bytes);
        let mut state = first ^ 0x9e37_79b9_7f4a_7c15;
        if bytes.len() > Self::EXACT {
            for chunk in bytes.chunks_exact(8) {
                state = fold(state ^ chunk.first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
            }
        }
        let length = bytes.len() as u64;
        let hash = fold(state ^ last.rotate_left(32) ^ length.wrapping_mul(0xe703_7ed1_a0b4_28db));
        Self { first, last, hash }
    }

    /// Where the search for this key begins among `2^slot_bits` slots.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "slot_bits is far below 32")]
    pub(crate) fn slot(&self, slot_bits: u32) -> usize {
        (self.hash >> (64 - slot_bits)) as usize
    }

    /// Ten bits that tell most other keys in the same slots from this one without looking at their bytes.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the tag is the low bits")]
    pub(crate) fn tag(&self) -> u32 {
        self.hash as u32 & ((1 << (32 - OFFSET_BITS)) - 1)
    }

    /// Whether `bytes`, of the same length as this key's and at most [`Key::EXACT`], are the same.
    #[inline]
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        (self.first, self.last) == words(bytes)
    }
}

/// The first and the last eight bytes; they overlap below sixteen, and below eight they are smaller words.
#[inline]
fn words(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
    } else {
        match *bytes {
            [a, b, c] => (u32::from_le_bytes([a, b, c, 0]).into(), 0),
            [a, b] => (u32::from_le_bytes([a, b, 0, 0]).into(), 0),
            [a] => (a.into(), 0),
            _ => (0, 0),
        }
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * 0xa076_1d64_78bd_642f;
    product as u64 ^ (product >> 64) as u64
}
