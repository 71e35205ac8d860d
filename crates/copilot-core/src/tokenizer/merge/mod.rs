//! Byte pair merging of one piece.
//!
//! Parts begin as single bytes. Again and again the two neighbours whose joined bytes have the lowest rank
//! become one part, the leftmost first. What is left are the tokens.
//!
//! A long piece is merged window by window, so that its time is linear and its memory that of a window
//! (D-H14). Two facts make that exact, whatever the ranks are:
//!
//! 1. Where the tokens of a text have a seam, the tokens of either side are those of that side alone: no join
//!    ever crossed the seam, and the joins of one side come in the same order with or without the other.
//! 2. If the last token `a` of one text and the first token `b` of another are what `ab` is merged to, the
//!    tokens of both texts in a row are those of the joined text. Else there would be a first join across the
//!    seam, of an end of `a` with a beginning of `b`. Up to it, the joins within `a` and `b` are those of `ab`
//!    alone, in the same order; and it would be the lowest of all, hence of those in `ab`, and happen there.

use super::vocabulary::Vocabulary;
use search::WINDOW;
use tokens::Tokens;

mod heap;
mod search;
mod tokens;

/// How far before the end of a window the seam is looked for: tokens close to it are often cut. Any number is
/// correct.
const MARGIN: usize = 12;

/// Seams that are tried before the window is made wider.
const TRIES: usize = 4;

/// How many tokens are left of `piece` when no neighbours can be joined any more.
#[inline]
pub(crate) fn merged_length(piece: &[u8], vocabulary: &Vocabulary) -> usize {
    if piece.len() <= WINDOW {
        search::starts(piece, vocabulary).count_ones() as usize
    } else {
        by_windows(piece, vocabulary)
    }
}

fn by_windows(piece: &[u8], vocabulary: &Vocabulary) -> usize {
    let (mut rest, mut count) = (piece, 0);
    let mut tokens = Tokens::of(head(rest, WINDOW), vocabulary);
    while tokens.length() < rest.len() {
        if let Some((seam, next)) = seam(rest, &tokens, vocabulary) {
            count += tokens.count_before(seam);
            rest = rest.get(seam..).unwrap_or_default();
            tokens = next;
        } else {
            tokens = Tokens::of(head(rest, tokens.length() * 2), vocabulary);
        }
    }
    count + tokens.count_before(tokens.length())
}

/// Where the tokens of `text`, of which `tokens` are those of its head, can be taken from the next window on;
/// and that window's tokens.
fn seam(text: &[u8], tokens: &Tokens, vocabulary: &Vocabulary) -> Option<(usize, Tokens)> {
    let mut seam = tokens.length().saturating_sub(MARGIN);
    for _ in 0..TRIES {
        seam = tokens.last_before(seam).filter(|&seam| seam > 0)?;
        let before = tokens.last_before(seam)?;
        // As wide as this one: what was too long for a window is likely to go on.
        let next = Tokens::of(head(text.get(seam..)?, tokens.length()), vocabulary);
        let after = seam + next.first_after(0);
        // What has been neighbours in one window stays apart. Else it must be tried.
        if tokens.first_after(seam) == after
            || stay_apart(text.get(before..after)?, seam - before, vocabulary)
        {
            return Some((seam, next));
        }
    }
    None
}

/// Whether `pair` is merged to two tokens, the second of which starts at `middle`.
fn stay_apart(pair: &[u8], middle: usize, vocabulary: &Vocabulary) -> bool {
    let tokens = Tokens::of(pair, vocabulary);
    tokens.count_before(pair.len()) == 2 && tokens.first_after(0) == middle
}

fn head(text: &[u8], length: usize) -> &[u8] {
    text.get(..length).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{heap, merged_length};
    use crate::tokenizer::vocabulary::{CL100K_BASE, O200K_BASE, P50K_BASE, R50K_BASE};

    proptest! {
        #[test]
        fn windows_are_merged_as_the_whole(
            units in prop::sample::select(vec!["a", "ab", "aA", "=-", "abcdefghijklmnopqrstuvwxyz", "\u{301}é字", " \n"]),
            choices in prop::collection::vec(0_usize..100, 1..1500),
            changing in 1_usize..100,
        ) {
            // Runs of one unit between changes: what is far away matters most there.
            let chosen = choices.iter().enumerate().filter_map(|(at, choice)| {
                units.chars().nth((at / changing + choice / 90 * choice) % units.chars().count())
            });
            let piece = chosen.collect::<String>().into_bytes();
            for vocabulary in [&O200K_BASE, &CL100K_BASE, &P50K_BASE, &R50K_BASE] {
                let whole = heap::starts(&piece, vocabulary).len();
                prop_assert_eq!(merged_length(&piece, vocabulary), whole);
            }
        }

        #[test]
        fn any_bytes_are_merged_as_the_whole(piece in prop::collection::vec(any::<u8>(), 1..1000)) {
            prop_assert_eq!(merged_length(&piece, &O200K_BASE), heap::starts(&piece, &O200K_BASE).len());
        }
    }
}
