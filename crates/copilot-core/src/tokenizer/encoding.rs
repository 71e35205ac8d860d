//! Which encodings there are (compat.md 5.1), and counting text by one.

use super::{
    merge::merged_length,
    split::{cl100k, o200k, r50k},
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
    /// Takes time linear in the text; a piece without a place to split takes n log n.
    #[must_use]
    pub fn count(self, text: &str) -> usize {
        match self {
            Self::O200kBase => count(text, &vocabulary::O200K_BASE, o200k::piece_end),
            Self::Cl100kBase => count(text, &vocabulary::CL100K_BASE, cl100k::piece_end),
            Self::P50kBase => count(text, &vocabulary::P50K_BASE, r50k::piece_end),
            Self::R50kBase => count(text, &vocabulary::R50K_BASE, r50k::piece_end),
        }
    }
}

#[inline]
fn count(text: &str, vocabulary: &Vocabulary, piece_end: impl Fn(&[u8], usize) -> usize) -> usize {
    let text = text.as_bytes();
    let (mut start, mut total) = (0, 0);
    while start < text.len() {
        let end = piece_end(text, start);
        let piece = text.get(start..end).unwrap_or_default();
        // Most pieces of ordinary text are tokens.
        total += if vocabulary.rank(piece).is_some() { 1 } else { merged_length(piece, vocabulary) };
        start = end;
    }
    total
}
