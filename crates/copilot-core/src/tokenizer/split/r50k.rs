//! The pattern of `r50k_base`, `p50k_base` and `p50k_edit`.

use super::run_after_space;
use crate::tokenizer::classes::{LETTER, MARK, NUMBER, OTHER, WHITE, class_at};

/// Where the piece that starts at `at` ends.
#[inline]
pub(crate) fn piece_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    match rest {
        [b'\'', b's' | b'd' | b'm' | b't', ..] => return at + 2,
        [b'\'', b'l', b'l', ..] | [b'\'', b'v' | b'r', b'e', ..] => return at + 3,
        _ => {}
    }
    [LETTER, NUMBER, OTHER | MARK]
        .into_iter()
        .find_map(|set| run_after_space(text, at, set))
        .unwrap_or_else(|| white_space(text, at))
}

/// `\s++$|\s+(?!\S)|\s`: line breaks are nothing special here.
fn white_space(text: &[u8], at: usize) -> usize {
    let (mut end, mut last) = (at, at);
    while let Some((class, next)) = class_at(text, end)
        && class & WHITE != 0
    {
        last = end;
        end = next;
    }
    if end == text.len() || last == at { end } else { last }
}
