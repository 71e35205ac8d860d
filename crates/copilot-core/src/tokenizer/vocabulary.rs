//! The tokens of an encoding and their ranks, in read-only data that the build script made.
//!
//! *Pilots* and *slots* are the perfect hash of `hash.rs`. A slot has the token itself when it has eight bytes
//! at most, as nearly all pieces of text have, else where its bytes are among the *long* ones; then its length
//! and its rank. Pages are read from the file when they are first touched, shared between processes, and
//! nothing is built at run time: o200k takes 3.5 MB where a hash map of vectors takes 50 to 90.

use super::hash;

/// Place of a token in the order of merges; lower joins first.
pub(crate) type Rank = u32;

/// The most bytes a token of any vocabulary has.
pub(crate) const LONGEST_TOKEN: usize = 128;

pub(crate) struct Vocabulary {
    pilots: &'static [[u8; 2]],
    slots: &'static [[u8; hash::SLOT]],
    long: &'static [u8],
    /// Tokens of this rank and above do not belong to the encoding.
    limit: Rank,
}

macro_rules! vocabulary {
    ($name:literal, $limit:expr) => {
        Vocabulary {
            pilots: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".pilots")).as_chunks().0,
            slots: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".slots")).as_chunks().0,
            long: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".long")),
            limit: $limit,
        }
    };
}

pub(crate) static O200K_BASE: Vocabulary = vocabulary!("o200k_base", Rank::MAX);
pub(crate) static CL100K_BASE: Vocabulary = vocabulary!("cl100k_base", Rank::MAX);
pub(crate) static P50K_BASE: Vocabulary = vocabulary!("p50k_base", Rank::MAX);
/// The same tables: p50k extends r50k by tokens of spaces.
pub(crate) static R50K_BASE: Vocabulary = Vocabulary { limit: 50256, ..P50K_BASE };

impl Vocabulary {
    /// The rank of the token that is `text` from `start` to `end`, if there is one.
    #[inline]
    pub(crate) fn rank(&self, text: &[u8], start: usize, end: usize) -> Option<Rank> {
        let length = end.wrapping_sub(start);
        let (found, rank) = match length {
            0 => return None,
            1..=hash::SHORT => {
                let word = word_at(text, start, length);
                let (key, rest) = self.slot(hash::of_short(word, length))?;
                (key == word && rest as usize & 0xff == length, rest >> 8)
            }
            _ if length > LONGEST_TOKEN => return None,
            _ => self.long(text.get(start..end)?)?,
        };
        (found && rank < self.limit).then_some(rank)
    }

    #[inline(never)]
    fn long(&self, bytes: &[u8]) -> Option<(bool, Rank)> {
        let hash = hash::of_long(bytes);
        let (key, rest) = self.slot(hash)?;
        #[expect(clippy::cast_possible_truncation, reason = "the offset is the low half")]
        let offset = key as u32;
        let same = key == hash::long_key(hash, offset)
            && rest as usize & 0xff == bytes.len()
            && self.long.get(offset as usize..).is_some_and(|from| from.starts_with(bytes));
        Some((same, rest >> 8))
    }

    /// The key of the only slot where this hash can be, and its length and rank.
    #[inline]
    fn slot(&self, hash: u64) -> Option<(u64, u32)> {
        let pilot = u16::from_le_bytes(*self.pilots.get(hash::bucket(hash, self.pilots.len()))?);
        let slot = self.slots.get(hash::slot(hash, pilot, self.slots.len()))?;
        Some((u64::from_le_bytes(*slot.first_chunk()?), u32::from_le_bytes(*slot.last_chunk()?)))
    }
}

/// The bytes from `at`, one to eight, the first lowest. Fastest where eight follow, whether they are wanted or not.
#[inline]
pub(super) fn word_at(text: &[u8], at: usize, length: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    let word = match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    word & (u64::MAX >> (u64::BITS as usize - 8 * length))
}
