//! The pattern of `o200k_base`.

use super::{
    Pattern, contraction_of_any_case, run_after_space, up_to_two_numbers, white_space,
    window::{Rest, run},
};
use crate::tokenizer::classes::{self, BREAK, CASELESS, LOWER, MARK, NUMBER, OTHER, SPACE, UPPER, class_at};

/// What a word may begin with, and what it may end with; letters without case and marks are both.
const HEAD: u8 = UPPER | CASELESS | MARK;
const TAIL: u8 = LOWER | CASELESS | MARK;

/// The pattern.
pub(crate) struct O200k;

impl Pattern for O200k {
    fn piece_end(text: &[u8], at: usize) -> usize {
        let Some((class, next)) = class_at(text, at) else {
            return text.len();
        };
        match class {
            NUMBER => up_to_two_numbers(text, next),
            BREAK => white_space(text, at),
            MARK => match word(text, next) {
                Word::WithTail(end) => contraction_of_any_case(text, end),
                // The mark itself is a tail, and that alternative of the pattern comes before words of heads.
                Word::Heads(_) | Word::None => contraction_of_any_case(text, next),
            },
            SPACE | OTHER => match word(text, next) {
                Word::WithTail(end) | Word::Heads(end) => contraction_of_any_case(text, end),
                Word::None => match run_after_space(text, at, OTHER | MARK) {
                    Some(end) => breaks_and_slashes(text, end),
                    None => white_space(text, at),
                },
            },
            _ => match word(text, at) {
                Word::WithTail(end) | Word::Heads(end) => contraction_of_any_case(text, end),
                Word::None => next,
            },
        }
    }

    #[inline]
    fn piece_end_in(rest: &Rest, text: &[u8], at: usize) -> Option<usize> {
        if let Some(prefix) = rest.word() {
            let heads = prefix + run(rest.upper >> prefix);
            let end = rest.known(heads)? + run(rest.lower >> heads);
            Some(contraction_of_any_case(text, at + rest.known(end)?))
        } else if rest.number & 1 == 1 {
            Some(at + rest.up_to_three_numbers()?)
        } else if (rest.other | rest.blank & rest.other >> 1) & 1 == 1 {
            Some(at + rest.others(rest.line_break | rest.slash)?)
        } else {
            Some(at + rest.white_space()?)
        }
    }
}

enum Word {
    /// `HEAD*TAIL+`, up to this position.
    WithTail(usize),
    /// `HEAD+TAIL*` where the above does not match: upper case only.
    Heads(usize),
    None,
}

/// The word at `at`, without prefix and contraction.
#[inline]
fn word(text: &[u8], at: usize) -> Word {
    let (mut end, mut after_tail) = (at, None);
    while let Some((class, next)) = class_at(text, end) {
        if class & HEAD == 0 {
            if class == LOWER {
                return Word::WithTail(classes::run(text, next, TAIL));
            }
            break;
        }
        end = next;
        if class & TAIL != 0 {
            after_tail = Some(end);
        }
    }
    // No lower case follows: the greedy heads are given back up to the last one that is a tail as well.
    match after_tail {
        Some(after_tail) => Word::WithTail(after_tail),
        None if end > at => Word::Heads(end),
        None => Word::None,
    }
}

/// `[\r\n/]*`.
fn breaks_and_slashes(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b'/')).count()
}
