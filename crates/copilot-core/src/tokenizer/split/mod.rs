//! Splitting text into pieces, as the patterns of the encodings do (written out in the Python reference,
//! `reference/tokenizer/encodings.py`). The scanners are those patterns worked out by hand: a look at each
//! character, no automaton, no back-tracking over more than one run.
//!
//! Each scanner takes the text's bytes (UTF-8) and a character's position before the end, and returns where
//! the piece that starts there ends, always beyond its start. Most pieces are found faster in a `window`.

use super::classes::{BREAK, Classes, NUMBER, WHITE, class_at, run};

use window::{Rest, Window};

mod cl100k;
mod o200k;
mod r50k;
mod window;

pub(crate) use cl100k::Cl100k;
pub(crate) use o200k::O200k;
pub(crate) use r50k::R50k;

/// The pattern of an encoding.
pub(crate) trait Pattern {
    /// Where the piece that starts at `at` ends.
    fn piece_end(text: &[u8], at: usize) -> usize;

    /// The same, if what is known of the text from `at` on suffices.
    fn piece_end_in(rest: &Rest, text: &[u8], at: usize) -> Option<usize>;
}

/// Where the pieces of a text end.
pub(crate) struct Pieces<'t> {
    text: &'t [u8],
    window: Window,
}

impl<'t> Pieces<'t> {
    pub(crate) fn of(text: &'t [u8]) -> Self {
        Self { text, window: Window::default() }
    }

    /// Where the piece that starts at `at` ends, which is where the one before it did.
    #[inline]
    pub(crate) fn end<P: Pattern>(&mut self, at: usize) -> usize {
        // Text that is not ASCII is not worth a window.
        let rest = match self.text.get(at..) {
            Some([first, second, ..]) if *first < 0x80 && *second < 0x80 => self.window.rest(self.text, at),
            _ => None,
        };
        rest.and_then(|rest| P::piece_end_in(&rest, self.text, at))
            .unwrap_or_else(|| P::piece_end(self.text, at))
    }
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cl100k, O200k, Pattern, Pieces, R50k};

    /// Long runs, so that they cross windows; what the patterns treat specially; and other characters.
    fn texts() -> impl Strategy<Value = String> {
        let units = prop::sample::select(vec![
            "a",
            "Z",
            "q",
            "7",
            " ",
            "\t",
            "\n",
            "\r",
            "/",
            "'",
            "'s",
            "'LL",
            "'re",
            "'\u{17f}",
            "-",
            "=",
            "\u{b}",
            "\u{1c}",
            "\0",
            "\u{7f}",
            "é",
            "É",
            "\u{301}",
            "字",
            "\u{a0}",
            "\u{3000}",
            "😀",
            "٣",
            "ǅ",
            "the quick",
            "HTTPServer",
        ]);
        let runs = (units, prop_oneof![9 => Just(1), 2 => 2..9_usize, 1 => 50..90_usize]);
        prop::collection::vec(runs.prop_map(|(unit, times)| unit.repeat(times)), 0..60)
            .prop_map(|runs| runs.concat())
    }

    fn same_pieces<P: Pattern>(text: &str) -> Result<(), TestCaseError> {
        let text = text.as_bytes();
        let mut pieces = Pieces::of(text);
        let mut at = 0;
        while at < text.len() {
            let end = P::piece_end(text, at);
            prop_assert_eq!(pieces.end::<P>(at), end, "from {}", at);
            at = end;
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_window_shows_the_pieces_of_the_pattern(text in texts()) {
            same_pieces::<O200k>(&text)?;
            same_pieces::<Cl100k>(&text)?;
            same_pieces::<R50k>(&text)?;
        }
    }
}
