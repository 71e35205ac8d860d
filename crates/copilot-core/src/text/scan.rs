//! Finding the end of a string quickly.

use wide::u8x16;

/// Bytes looked at in one step: one bit each.
const BLOCK: usize = 64;

/// Finds the bytes of strings that need a closer look: quotation marks, backslashes, control characters.
///
/// Prompts are full of escapes, so that a search from each to the next would begin more often than it runs: the bytes
/// are looked at in blocks, once, and what was found in the latest one is kept.
pub(super) struct Specials<'a> {
    text: &'a [u8],
    /// Where the block begins of which the bits are; a number that is no multiple of a block's size when there is none.
    block: usize,
    bits: u64,
}

impl<'a> Specials<'a> {
    pub(super) const fn of(text: &'a [u8]) -> Self {
        Self { text, block: usize::MAX, bits: 0 }
    }

    /// The place of the next special byte at or after `at`; the length of the text when there is none.
    #[inline]
    pub(super) fn next(&mut self, at: usize) -> usize {
        let block = at - at % BLOCK;
        if block != self.block {
            (self.block, self.bits) = (block, self.look(block));
        }
        let bits = self.bits >> (at % BLOCK);
        if bits == 0 { self.next_block() } else { at + bits.trailing_zeros() as usize }
    }

    fn next_block(&mut self) -> usize {
        loop {
            self.block += BLOCK;
            if self.block >= self.text.len() {
                return self.text.len();
            }
            self.bits = self.look(self.block);
            if self.bits != 0 {
                return self.block + self.bits.trailing_zeros() as usize;
            }
        }
    }

    fn look(&self, at: usize) -> u64 {
        let rest = self.text.get(at..).unwrap_or_default();
        if let Some(block) = rest.first_chunk() {
            return specials(block);
        }
        let mut block = [b' '; BLOCK];
        block.iter_mut().zip(rest).for_each(|(byte, &given)| *byte = given);
        specials(&block)
    }
}

/// The special bytes of a block, the first one in the lowest bit.
#[inline]
fn specials(block: &[u8; BLOCK]) -> u64 {
    let mut found = 0;
    for (place, part) in block.as_chunks().0.iter().enumerate() {
        let part = u8x16::new(*part);
        let is_control = part.min(u8x16::splat(b' ' - 1)).simd_eq(part);
        let special = part.simd_eq(u8x16::splat(b'"')) | part.simd_eq(u8x16::splat(b'\\')) | is_control;
        found |= u64::from(special.to_bitmask()) << (16 * place);
    }
    found
}

/// The place of the first special byte; the length of the text when there is none.
pub(super) fn first_special(text: &[u8]) -> usize {
    Specials::of(text).next(0)
}

/// JSON's white space.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The place of the first byte at or after `at` that is no white space.
pub(crate) fn skip_spaces(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|&byte| is_space(byte)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Specials;

    #[test]
    fn special_bytes_are_found_at_every_place() {
        for special in [b'"', b'\\', b'\n', 0, 0x1f] {
            for length in 0..200 {
                let mut text = vec![b'x'; length];
                assert_eq!(Specials::of(&text).next(0), length);
                text.push(special);
                text.extend_from_slice(b"yyy\"");
                let mut specials = Specials::of(&text);
                for start in 0..=length {
                    assert_eq!(specials.next(start), length);
                    assert_eq!(Specials::of(&text).next(start), length);
                }
                assert_eq!(specials.next(length + 1), length + 4);
                assert_eq!(specials.next(length + 5), length + 5);
            }
        }
        assert_eq!(Specials::of("\u{7f}é€😀 ".as_bytes()).next(0), 11);
    }

    #[test]
    fn every_special_byte_is_found() {
        let text: Vec<u8> =
            (0..1000).flat_map(|number: u32| number.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
        let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        let mut specials = Specials::of(&text);
        for at in 0..=text.len() {
            let expected = text.iter().skip(at).position(|&byte| is_special(byte));
            assert_eq!(specials.next(at), expected.map_or(text.len(), |place| at + place));
        }
    }
}
