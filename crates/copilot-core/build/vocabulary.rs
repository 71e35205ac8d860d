//! Hash tables of token bytes; `src/tokenizer/vocabulary.rs` describes their layout.

use std::{cmp::Reverse, error::Error};

use miniz_oxide::inflate::decompress_to_vec_zlib;

#[path = "../src/tokenizer/hash.rs"]
mod hash;

/// Keys of a bucket, on average: fewer make more pilots, more make them longer to find.
const KEYS: usize = 4;
/// Slots of a hundred that have a token.
const FULL: usize = 97;
/// What the merges have room for: a rank and a position below 64 in the 24 bits that `f32` holds exactly.
const RANKS: u32 = 1 << 18;

/// The tables of one vocabulary.
pub(crate) struct Tables {
    /// Little-endian u16 values.
    pub(crate) pilots: Vec<u8>,
    pub(crate) slots: Vec<u8>,
    /// The bytes of the tokens that do not fit into a slot.
    pub(crate) long: Vec<u8>,
}

/// A token as it is put into its slot.
struct Entry {
    hash: u64,
    slot: [u8; hash::SLOT],
}

/// Makes the tables of a `.ranks.zlib` file.
pub(crate) fn tables(compressed: &[u8]) -> Result<Tables, Box<dyn Error>> {
    let packed = decompress_to_vec_zlib(compressed).map_err(|error| format!("{error:?}"))?;
    let (mut entries, mut long) = (Vec::new(), Vec::new());
    let mut rest = packed.as_slice();
    let mut rank = 0_u32;
    while let Some((&length, after)) = rest.split_first() {
        let (token, after) = after.split_at_checked(length.into()).ok_or("cut in a token")?;
        rest = after;
        if !token.is_empty() {
            entries.push(entry(token, rank, &mut long)?);
        }
        rank += 1;
    }
    if rank > RANKS {
        return Err("more ranks than the merges have room for".into());
    }
    let count = entries.len() * 100 / FULL;
    let mut buckets: Vec<Vec<Entry>> = Vec::new();
    buckets.resize_with(entries.len().div_ceil(KEYS), Vec::new);
    let of = buckets.len();
    for entry in entries {
        buckets.get_mut(hash::bucket(entry.hash, of)).ok_or("no such bucket")?.push(entry);
    }
    let mut pilots = vec![0_u16; of];
    let mut slots = vec![[0; hash::SLOT]; count];
    // The full ones first, while there is room.
    let mut order: Vec<_> = pilots.iter_mut().zip(buckets).collect();
    order.sort_by_key(|(_, bucket)| Reverse(bucket.len()));
    for (pilot, bucket) in order {
        *pilot = (0..=u16::MAX).find(|&pilot| place(&mut slots, &bucket, pilot)).ok_or("no pilot")?;
    }
    Ok(Tables {
        pilots: pilots.into_iter().flat_map(u16::to_le_bytes).collect(),
        slots: slots.into_iter().flatten().collect(),
        long,
    })
}

fn entry(token: &[u8], rank: u32, long: &mut Vec<u8>) -> Result<Entry, Box<dyn Error>> {
    let (hash, key) = if token.len() <= hash::SHORT {
        let word = token.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        (hash::of_short(word, token.len()), word)
    } else {
        let hash = hash::of_long(token);
        let key = hash::long_key(hash, u32::try_from(long.len())?);
        long.extend(token);
        (hash, key)
    };
    let length = u8::try_from(token.len())?;
    let bytes = key.to_le_bytes().into_iter().chain([length]).chain(rank.to_le_bytes());
    let mut slot = [0; hash::SLOT];
    slot.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Ok(Entry { hash, slot })
}

/// Puts a bucket into the slots that this pilot sends its keys to, if they are free and all different.
fn place(slots: &mut [[u8; hash::SLOT]], bucket: &[Entry], pilot: u16) -> bool {
    let all = slots.len();
    let to = |entry: &Entry| hash::slot(entry.hash, pilot, all);
    for (index, entry) in bucket.iter().enumerate() {
        let taken = slots.get(to(entry)).is_none_or(|slot| *slot != [0; hash::SLOT]);
        if taken || bucket.iter().take(index).any(|other| to(other) == to(entry)) {
            return false;
        }
    }
    for entry in bucket {
        if let Some(slot) = slots.get_mut(to(entry)) {
            *slot = entry.slot;
        }
    }
    true
}
