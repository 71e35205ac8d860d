//! Which encodings there are (compat.md 5.1), and counting text by one.

use super::{
    merge::merged_length,
    seen::{Seen, Words, segment_end},
    split::{Cl100k, O200k, Pattern, Pieces, R50k},
    vocabulary::{self, Vocabulary},
};

/// An encoding: a vocabulary and a pattern that splits text into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The default.
    O200kBase,
    /// Of the GPT-4 and GPT-3.5 models.
    Cl100kBase,
    /// Also `p50k_edit`, which differs in special tokens only.
    P50kBase,
    /// Of GPT-3.
    R50kBase,
}

impl Encoding {
    /// The encoding of this name; any unknown name means `o200k_base`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "cl100k_base" => Self::Cl100kBase,
            "p50k_base" | "p50k_edit" => Self::P50kBase,
            "r50k_base" => Self::R50kBase,
            _ => Self::O200kBase,
        }
    }

    /// The number of tokens of a text. The text of special tokens is ordinary text (D-T27).
    ///
    /// Takes time linear in the text.
    #[must_use]
    pub fn count(self, text: &str) -> usize {
        match self {
            Self::O200kBase => count::<O200k>(text, &vocabulary::O200K_BASE, &O200K_SEEN),
            Self::Cl100kBase => count::<Cl100k>(text, &vocabulary::CL100K_BASE, &CL100K_SEEN),
            Self::P50kBase => count::<R50k>(text, &vocabulary::P50K_BASE, &P50K_SEEN),
            Self::R50kBase => count::<R50k>(text, &vocabulary::R50K_BASE, &R50K_SEEN),
        }
    }
}

static O200K_SEEN: Seen = Seen::new();
static CL100K_SEEN: Seen = Seen::new();
static P50K_SEEN: Seen = Seen::new();
static R50K_SEEN: Seen = Seen::new();

/// Texts below this are not worth a hash.
const SHORT: usize = 128;

#[inline]
fn count<P: Pattern>(text: &str, vocabulary: &Vocabulary, seen: &Seen) -> usize {
    let (mut rest, mut total) = (text.as_bytes(), 0);
    while rest.len() >= SHORT {
        let (segment, after) = rest.split_at_checked(segment_end(rest)).unwrap_or((rest, &[]));
        total += seen.segments.get_or_count(segment, || count_pieces::<P>(segment, vocabulary, &seen.words));
        rest = after;
    }
    total + count_pieces::<P>(rest, vocabulary, &seen.words)
}

fn count_pieces<P: Pattern>(text: &[u8], vocabulary: &Vocabulary, words: &Words) -> usize {
    let mut pieces = Pieces::of(text);
    let (mut start, mut total) = (0, 0);
    while start < text.len() {
        let end = pieces.end::<P>(start);
        total += words.get_or_count(text, start, end, || count_piece(text, start, end, vocabulary));
        start = end;
    }
    total
}

/// Most pieces of ordinary text are tokens.
#[inline(never)]
fn count_piece(text: &[u8], start: usize, end: usize, vocabulary: &Vocabulary) -> usize {
    match vocabulary.rank(text, start, end) {
        Some(_) => 1,
        None => merged_length(text.get(start..end).unwrap_or_default(), vocabulary),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokenizer::seen::can_be_cut;

    fn texts() -> impl Strategy<Value = String> {
        let units = prop::sample::select(vec![
            "a",
            "Z",
            "q ",
            "7",
            "7 ",
            " ",
            "\t",
            "\n",
            "\r\n",
            "a\n",
            "/\n",
            "/",
            "'s ",
            "'LL\n",
            "'",
            "-\n",
            "=\"",
            "\u{1c}",
            "é ",
            "É\n",
            "\u{301} ",
            "字\n",
            "字。\n",
            "\u{a0}",
            "\u{3000}",
            "😀 ",
            "٣ ",
            "½\n",
            "the quick brown",
            "getURL ",
        ]);
        prop::collection::vec(units, 0..60).prop_map(|units| units.concat())
    }

    /// Counts without what was counted of the whole or of the parts before.
    fn plain<P: Pattern>(text: &[u8], vocabulary: &Vocabulary) -> usize {
        let mut pieces = Pieces::of(text);
        let (mut start, mut total) = (0, 0);
        while start < text.len() {
            let end = pieces.end::<P>(start);
            total += count_piece(text, start, end, vocabulary);
            start = end;
        }
        total
    }

    fn cuts_change_nothing<P: Pattern>(
        text: &str,
        vocabulary: &Vocabulary,
        encoding: Encoding,
    ) -> Result<(), TestCaseError> {
        let bytes = text.as_bytes();
        let whole = plain::<P>(bytes, vocabulary);
        for (at, _) in text.char_indices().filter(|&(_, character)| matches!(character, ' ' | '\n')) {
            if can_be_cut(bytes, at) {
                let (before, after) = bytes.split_at(at);
                let parts = plain::<P>(before, vocabulary) + plain::<P>(after, vocabulary);
                prop_assert_eq!(parts, whole, "at {}", at);
            }
        }
        // Of several segments, and the second time as it was kept.
        let long = text.repeat(20);
        let whole = plain::<P>(long.as_bytes(), vocabulary);
        prop_assert_eq!((encoding.count(&long), encoding.count(&long)), (whole, whole));
        let longer = format!("{long} and more");
        prop_assert_eq!(encoding.count(&longer), plain::<P>(longer.as_bytes(), vocabulary));
        Ok(())
    }

    proptest! {
        #[test]
        fn texts_count_the_same_in_parts_and_again(text in texts()) {
            cuts_change_nothing::<O200k>(&text, &vocabulary::O200K_BASE, Encoding::O200kBase)?;
            cuts_change_nothing::<Cl100k>(&text, &vocabulary::CL100K_BASE, Encoding::Cl100kBase)?;
            cuts_change_nothing::<R50k>(&text, &vocabulary::P50K_BASE, Encoding::P50kBase)?;
            cuts_change_nothing::<R50k>(&text, &vocabulary::R50K_BASE, Encoding::R50kBase)?;
        }
    }
}
