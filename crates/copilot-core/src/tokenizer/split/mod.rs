//! Splitting text into pieces, as the patterns of the encodings do (written out in the Python reference,
//! `reference/tokenizer/encodings.py`). The scanners are those patterns worked out by hand: a look at each
//! character, no automaton, no back-tracking over more than one run.
//!
//! Each scanner takes the text's bytes (UTF-8) and a character's position before the end, and returns where
//! the piece that starts there ends, always beyond its start.

use super::classes::{BREAK, Classes, NUMBER, WHITE, class_at, run};

pub(crate) mod cl100k;
pub(crate) mod o200k;
pub(crate) mod r50k;

/// `\s*[\r\n]+|\s+(?!\S)|\s` from a white space: up to the last line break of the run; without one, all of a
/// run at the end of the text, else all but its last character, which goes with what follows.
fn white_space(text: &[u8], at: usize) -> usize {
    let (mut end, mut last, mut after_break) = (at, at, None);
    while let Some((class, next)) = class_at(text, end)
        && class & WHITE != 0
    {
        last = end;
        end = next;
        if class == BREAK {
            after_break = Some(end);
        }
    }
    match after_break {
        Some(after_break) => after_break,
        None if end == text.len() || last == at => end,
        None => last,
    }
}

/// `\p{N}{1,3}` after one number that ended at `at`.
fn up_to_two_numbers(text: &[u8], at: usize) -> usize {
    let mut end = at;
    for _ in 0..2 {
        match class_at(text, end) {
            Some((NUMBER, next)) => end = next,
            _ => break,
        }
    }
    end
}

/// `'(?i:s|t|re|ve|m|ll|d)`: where the contraction at `at` ends, or `at` when there is none.
fn contraction_of_any_case(text: &[u8], at: usize) -> usize {
    let Some([b'\'', rest @ ..]) = text.get(at..) else {
        return at;
    };
    let length = match rest {
        [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => 2,
        [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] | [0xc5, 0xbf, ..] => 3, // the last is U+017F, the long s: its upper case is S
        _ => 0,
    };
    at + length
}

/// ` ?[^\s\p{L}\p{N}]+`, `set` being the classes of the run: where it ends, or `None` when nothing matches.
fn run_after_space(text: &[u8], at: usize, set: Classes) -> Option<usize> {
    let start = at + usize::from(text.get(at) == Some(&b' '));
    let end = run(text, start, set);
    (end > start).then_some(end)
}
