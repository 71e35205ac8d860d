//! Finding the end of a string quickly.

/// Bytes looked at in one step; a multiple of every vector register.
const BLOCK: usize = 32;

/// Whether a byte of a string needs a closer look: a quotation mark, a backslash, a control character.
#[expect(clippy::needless_bitwise_bool, reason = "no branches, so that it becomes vector instructions")]
const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// The place of the next special byte at or after `at`; the length of the text when there is none.
pub(crate) fn next_special(text: &[u8], at: usize) -> usize {
    let Some(rest) = text.get(at..) else {
        return text.len();
    };
    let mut offset = at;
    let (blocks, _) = rest.as_chunks::<BLOCK>();
    for block in blocks {
        // Without an early exit, so that the compiler makes it a few vector instructions.
        let mut found = false;
        for &byte in block {
            found |= is_special(byte);
        }
        if found {
            break;
        }
        offset += BLOCK;
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
