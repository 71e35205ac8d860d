//! Finding the end of a string quickly.

/// Bytes looked at in one step; a multiple of every vector register.
const BLOCK: usize = 32;

/// Bytes of a word.
const WORD: usize = 8;

/// Each byte of a word set to one value.
const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; WORD])
}

/// The highest bit of every byte that is 0, up to the first such byte; what comes above it may be wrong.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(splat(1)) & !word & splat(0x80)
}

/// Whether a byte of a string needs a closer look: a quotation mark, a backslash, a control character.
#[expect(clippy::needless_bitwise_bool, reason = "no branches, so that it becomes vector instructions")]
const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// The place of the first special byte of a word, [`WORD`] when there is none.
fn in_word(bytes: [u8; WORD]) -> usize {
    let word = u64::from_le_bytes(bytes);
    let control = word.wrapping_sub(splat(b' ')) & !word & splat(0x80);
    let found = zero_bytes(word ^ splat(b'"')) | zero_bytes(word ^ splat(b'\\')) | control;
    found.trailing_zeros() as usize / 8
}

/// The place of the next special byte at or after `at`; the length of the text when there is none.
pub(crate) fn next_special(text: &[u8], at: usize) -> usize {
    let Some(rest) = text.get(at..) else {
        return text.len();
    };
    let mut offset = at;
    let (blocks, _) = rest.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        // Most strings are short: the first words are looked at one by one. Of a long one whole blocks are
        // passed without an early exit, which the compiler makes a few vector instructions.
        if index == 0 || block.iter().fold(false, |found, &byte| found | is_special(byte)) {
            for &word in block.as_chunks::<WORD>().0 {
                let place = in_word(word);
                if place < WORD {
                    return offset + place;
                }
                offset += WORD;
            }
        } else {
            offset += BLOCK;
        }
    }
    let rest = text.get(offset..).unwrap_or_default();
    rest.iter().position(|&byte| is_special(byte)).map_or(text.len(), |place| offset + place)
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
    use super::next_special;

    #[test]
    fn special_bytes_are_found_at_every_place() {
        for special in [b'"', b'\\', b'\n', 0] {
            for length in 0..100 {
                let mut text = vec![b'x'; length];
                assert_eq!(next_special(&text, 0), length);
                text.push(special);
                text.extend_from_slice(b"yyy\"");
                for start in 0..=length {
                    assert_eq!(next_special(&text, start), length);
                }
            }
        }
        assert_eq!(next_special(b"abc", 9), 3);
        assert_eq!(next_special("\u{7f}é€😀".as_bytes(), 0), 10);
    }
}
