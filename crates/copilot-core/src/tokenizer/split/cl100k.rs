//! The pattern of `cl100k_base`.

use super::{
    Pattern, contraction_of_any_case, run_after_space, up_to_two_numbers, white_space,
    window::{Rest, run},
};
use crate::tokenizer::classes::{self, BREAK, LETTER, MARK, NUMBER, OTHER, WHITE, class_at};

/// The pattern.
pub(crate) struct Cl100k;

impl Pattern for Cl100k {
    fn piece_end(text: &[u8], at: usize) -> usize {
        let Some((class, next)) = class_at(text, at) else {
            return text.len();
        };
        match class {
            NUMBER => return up_to_two_numbers(text, next),
            BREAK => return all_or_white_space(text, at),
            _ if class & LETTER != 0 => return classes::run(text, next, LETTER),
            _ => {}
        }
        let contraction = contraction_of_any_case(text, at);
        if contraction > at {
            return contraction;
        }
        let word = classes::run(text, next, LETTER);
        if word > next {
            return word;
        }
        match run_after_space(text, at, OTHER | MARK) {
            Some(end) => classes::run(text, end, BREAK),
            None => all_or_white_space(text, at),
        }
    }

    #[inline]
    fn piece_end_in(rest: &Rest, text: &[u8], at: usize) -> Option<usize> {
        if let Some(prefix) = rest.word() {
            // A contraction at the beginning is a piece.
            let start = if prefix == 1 { contraction_of_any_case(text, at) } else { at };
            let end = prefix + run((rest.upper | rest.lower) >> prefix);
            if start > at { Some(start) } else { Some(at + rest.known(end)?) }
        } else if rest.number & 1 == 1 {
            Some(at + rest.up_to_three_numbers()?)
        } else if (rest.other | rest.blank & rest.other >> 1) & 1 == 1 {
            let contraction = contraction_of_any_case(text, at);
            if contraction > at { Some(contraction) } else { Some(at + rest.others(rest.line_break)?) }
        } else {
            Some(at + rest.white_space()?)
        }
    }
}

/// `\s++$` before the other patterns of white space.
fn all_or_white_space(text: &[u8], at: usize) -> usize {
    if classes::run(text, at, WHITE) == text.len() { text.len() } else { white_space(text, at) }
}
