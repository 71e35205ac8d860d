//! The pattern of `cl100k_base`.

use super::{contraction_of_any_case, run_after_space, up_to_two_numbers, white_space};
use crate::tokenizer::classes::{BREAK, LETTER, MARK, NUMBER, OTHER, WHITE, class_at, run};

/// Where the piece that starts at `at` ends.
#[inline]
pub(crate) fn piece_end(text: &[u8], at: usize) -> usize {
    let Some((class, next)) = class_at(text, at) else {
        return text.len();
    };
    match class {
        NUMBER => return up_to_two_numbers(text, next),
        BREAK => return all_or_white_space(text, at),
        _ if class & LETTER != 0 => return run(text, next, LETTER),
        _ => {}
    }
    let contraction = contraction_of_any_case(text, at);
    if contraction > at {
        return contraction;
    }
    let word = run(text, next, LETTER);
    if word > next {
        return word;
    }
    match run_after_space(text, at, OTHER | MARK) {
        Some(end) => run(text, end, BREAK),
        None => all_or_white_space(text, at),
    }
}

/// `\s++$` before the other patterns of white space.
fn all_or_white_space(text: &[u8], at: usize) -> usize {
    if run(text, at, WHITE) == text.len() { text.len() } else { white_space(text, at) }
}
