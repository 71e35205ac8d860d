//! The tokens of a window.

use super::{heap, search, search::WINDOW};
use crate::tokenizer::vocabulary::Vocabulary;

/// The tokens of a window, by where they start in it.
pub(super) struct Tokens {
    starts: Starts,
    length: usize,
}

enum Starts {
    /// A bit for each byte.
    Few(u64),
    Many(Vec<usize>),
}

impl Tokens {
    /// Merges a text.
    pub(super) fn of(text: &[u8], vocabulary: &Vocabulary) -> Self {
        let starts = if text.len() <= WINDOW {
            Starts::Few(search::starts(text, vocabulary))
        } else {
            Starts::Many(heap::starts(text, vocabulary))
        };
        Self { starts, length: text.len() }
    }

    /// The number of bytes that were merged.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// How many start before `at`.
    pub(super) fn count_before(&self, at: usize) -> usize {
        match &self.starts {
            Starts::Few(bits) => search::below(*bits, at).count_ones() as usize,
            Starts::Many(starts) => starts.partition_point(|&start| start < at),
        }
    }

    /// Where the last one starts that starts before `at`.
    pub(super) fn last_before(&self, at: usize) -> Option<usize> {
        match &self.starts {
            Starts::Few(bits) => search::below(*bits, at).checked_ilog2().map(|start| start as usize),
            Starts::Many(starts) => starts.get(self.count_before(at).checked_sub(1)?).copied(),
        }
    }

    /// Where the first one starts that starts after `at`; the length where none does.
    pub(super) fn first_after(&self, at: usize) -> usize {
        match &self.starts {
            Starts::Few(bits) => search::first_after(*bits, at).min(self.length),
            Starts::Many(starts) => {
                let after = starts.partition_point(|&start| start <= at);
                starts.get(after).copied().unwrap_or(self.length)
            }
        }
    }
}
