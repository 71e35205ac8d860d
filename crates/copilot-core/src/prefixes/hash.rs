//! The hash of a piece of a prompt: fast, and good for nothing but telling equal from different.
//!
//! Folded products as wyhash and foldhash take them. Hashes never leave the process, and whoever sends a prompt
//! that collides with another deceives nobody but himself.

const KEYS: [u64; 8] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
    0x4528_21e6_38d0_1377,
    0xbe54_66cf_34e9_0c6c,
    0xc0ac_29b7_c97c_50dd,
    0x3f84_d5b5_b547_0917,
];

/// Mixes two words: both halves of their product.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

/// The hash of a sequence that goes on: its order counts. Both words are added, so that none can void the other.
#[inline]
pub(super) fn combine(state: u64, next: u64) -> u64 {
    let product = fold(state ^ 0x9216_d5d9_8979_fb1b, next ^ 0xd131_0ba6_98df_b5ac);
    product.wrapping_add(next.rotate_left(23)).wrapping_add(state.rotate_left(41))
}

/// The hash of bytes.
#[inline]
pub(super) fn of(bytes: &[u8]) -> u64 {
    let [one, other, third, ..] = KEYS;
    let length = bytes.len() as u64;
    let (head, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    };
    let state = if bytes.len() > 16 { of_long(bytes) } else { third };
    fold(fold(head ^ one, last ^ other) ^ state, length ^ one.rotate_left(32)).wrapping_add(state)
}

/// What more than 16 bytes have between both ends.
fn of_long(bytes: &[u8]) -> u64 {
    let Some(end) = bytes.last_chunk() else { return of_some(bytes) };
    // Eight lanes, so that no product waits for the one before. The end is read again: no loop for what is left.
    let (blocks, _) = bytes.as_chunks();
    let lanes = blocks.iter().fold(KEYS, mixed);
    mixed(lanes, end).iter().fold(0, |state, lane| combine(state, *lane))
}

fn of_some(bytes: &[u8]) -> u64 {
    let (pairs, _) = bytes.as_chunks::<16>();
    let [first, ..] = KEYS;
    pairs.iter().chain(bytes.last_chunk()).fold(first, |state, pair| mix(state, pair))
}

#[inline]
fn mixed(lanes: [u64; 8], block: &[u8; 128]) -> [u64; 8] {
    let ([one, two, three, four, five, six, seven, eight], (pairs, _)) = (lanes, block.as_chunks());
    let [a, b, c, d, e, f, g, h] = pairs else { return lanes };
    [
        mix(one, a),
        mix(two, b),
        mix(three, c),
        mix(four, d),
        mix(five, e),
        mix(six, f),
        mix(seven, g),
        mix(eight, h),
    ]
}

/// No state begins with this key: the words of a pair could change places.
#[inline]
fn mix(state: u64, pair: &[u8; 16]) -> u64 {
    let word = u128::from_le_bytes(*pair);
    fold(low(word) ^ 0x2ffd_72db_d01a_dfb7, low(word >> 64) ^ state)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low(word: u128) -> u64 {
    word as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{combine, of};

    #[test]
    fn every_byte_and_every_length_counts() {
        for size in (0..200).chain([1000]) {
            let text = vec![b'x'; size];
            let mut seen = HashSet::from([of(&text)]);
            for at in 0..size {
                let mut other = text.clone();
                if let Some(byte) = other.get_mut(at) {
                    *byte = b'y';
                }
                assert!(seen.insert(of(&other)), "{at} of {size}");
            }
        }
        let lengths: HashSet<_> = (0..500).map(|size| of(&vec![0; size])).collect();
        assert_eq!(lengths.len(), 500);
    }

    #[test]
    fn order_counts() {
        assert_ne!(combine(combine(0, 1), 2), combine(combine(0, 2), 1));
        assert_ne!(combine(0, 0), 0);
    }
}
