//! The tokens of an encoding and their ranks, in read-only data that the build script made.
//!
//! *Slots* are a hash table with linear probing: a slot is [`EMPTY_SLOT`], or ten bits of the hash (the tag)
//! above the offset of an entry. An *entry* is one byte of length, three of rank (low first), and the
//! token's bytes. Pages are read from the file when they are first touched, shared between processes, and
//! nothing is built at run time: o200k takes 4.2 MB where a hash map of vectors takes 50 to 90.

use super::hash::{EMPTY_SLOT, Key, OFFSET_BITS};

/// Place of a token in the order of merges; lower joins first.
pub(crate) type Rank = u32;

/// The most bytes a token of any vocabulary has.
pub(crate) const LONGEST_TOKEN: usize = 128;

pub(crate) struct Vocabulary {
    slots: &'static [[u8; 4]],
    entries: &'static [u8],
    slot_bits: u32,
    /// Tokens of this rank and above do not belong to the encoding.
    limit: Rank,
}

macro_rules! vocabulary {
    ($name:literal, $slot_bits:literal, $limit:expr) => {
        Vocabulary {
            slots: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".slots")).as_chunks().0,
            entries: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".entries")),
            slot_bits: $slot_bits,
            limit: $limit,
        }
    };
}

pub(crate) static O200K_BASE: Vocabulary = vocabulary!("o200k_base", 19, Rank::MAX);
pub(crate) static CL100K_BASE: Vocabulary = vocabulary!("cl100k_base", 18, Rank::MAX);
pub(crate) static P50K_BASE: Vocabulary = vocabulary!("p50k_base", 17, Rank::MAX);
/// The same tables: p50k extends r50k by tokens of spaces.
pub(crate) static R50K_BASE: Vocabulary = Vocabulary { limit: 50256, ..P50K_BASE };

impl Vocabulary {
    /// The rank of the token with these bytes, if there is one.
    #[inline]
    pub(crate) fn rank(&self, bytes: &[u8]) -> Option<Rank> {
        if bytes.len() > LONGEST_TOKEN {
            return None;
        }
        let key = Key::of(bytes);
        let tag = key.tag();
        let mut index = key.slot(self.slot_bits);
        loop {
            let slot = u32::from_le_bytes(*self.slots.get(index)?);
            if slot == EMPTY_SLOT {
                return None;
            }
            if slot >> OFFSET_BITS == tag {
                let offset = slot & ((1 << OFFSET_BITS) - 1);
                if let Some(rank) = self.rank_at(offset as usize, bytes, &key) {
                    return (rank < self.limit).then_some(rank);
                }
            }
            index = (index + 1) & ((1 << self.slot_bits) - 1);
        }
    }

    /// The rank of the entry at `offset`, if its token is `bytes`.
    #[inline]
    fn rank_at(&self, offset: usize, bytes: &[u8], key: &Key) -> Option<Rank> {
        let [length, low, middle, high, rest @ ..] = self.entries.get(offset..)? else {
            return None;
        };
        if usize::from(*length) != bytes.len() {
            return None;
        }
        let token = rest.get(..bytes.len())?;
        let same = if bytes.len() <= Key::EXACT { key.is(token) } else { token == bytes };
        same.then(|| Rank::from_le_bytes([*low, *middle, *high, 0]))
    }
}
