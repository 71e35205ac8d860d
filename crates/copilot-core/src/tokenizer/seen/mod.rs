//! What was counted before, in a fixed amount of memory that all threads share without locks (ADR 18).
//!
//! Clients send a conversation again with every turn. *Segments* of text and *words* are known by keyed hashes,
//! the shortest words by themselves; what is new takes the place of what is old.

use std::{
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

mod counts;
mod segments;
mod words;

#[cfg(test)]
pub(super) use segments::can_be_cut;
pub(super) use segments::{Segments, segment_end};
pub(super) use words::Words;

/// What was counted in one encoding. The pages of a static one take memory when they are first written.
pub(super) struct Seen {
    pub(super) segments: Segments,
    pub(super) words: Words,
}

impl Seen {
    pub(super) const fn new() -> Self {
        Self { segments: Segments::new(), words: Words::new() }
    }
}

/// The key of the hashes, another in each process: nobody can choose texts that are taken for one another.
#[inline]
fn secret() -> [u64; 4] {
    static SECRET: LazyLock<[u64; 4]> = LazyLock::new(|| [(); 4].map(|()| RandomState::new().hash_one(0)));
    *SECRET
}
