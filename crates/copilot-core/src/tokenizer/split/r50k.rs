//! The pattern of `r50k_base`, `p50k_base` and `p50k_edit`.

use super::{Pattern, run_after_space, window::Rest};
use crate::tokenizer::classes::{LETTER, MARK, NUMBER, OTHER, WHITE, class_at};

/// The pattern.
pub(crate) struct R50k;

impl Pattern for R50k {
    fn piece_end(text: &[u8], at: usize) -> usize {
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

    fn piece_end_in(_: &Rest, _: &[u8], _: usize) -> Option<usize> {
        None
    }
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
