//! Hash tables of token bytes; `src/tokenizer/vocabulary.rs` describes their layout.

use std::error::Error;

use miniz_oxide::inflate::decompress_to_vec_zlib;

#[expect(dead_code, reason = "the tokenizer compares keys, the build script places them")]
#[path = "../src/tokenizer/hash.rs"]
mod hash;

use hash::{EMPTY_SLOT, Key, OFFSET_BITS};

/// The two tables of one vocabulary.
pub(crate) struct Tables {
    /// Little-endian u32 values.
    pub(crate) slots: Vec<u8>,
    pub(crate) entries: Vec<u8>,
}

/// Makes the tables of a `.ranks.zlib` file with `2^slot_bits` slots.
pub(crate) fn tables(compressed: &[u8], slot_bits: u32) -> Result<Tables, Box<dyn Error>> {
    let packed = decompress_to_vec_zlib(compressed).map_err(|error| format!("{error:?}"))?;
    let mut slots = vec![EMPTY_SLOT; 1 << slot_bits];
    let mut entries = Vec::with_capacity(packed.len() * 2);
    let mut rest = packed.as_slice();
    let mut rank = 0_u32;
    while let Some((&length, after)) = rest.split_first() {
        let (token, after) = after.split_at_checked(length.into()).ok_or("cut in a token")?;
        rest = after;
        if !token.is_empty() {
            let offset = u32::try_from(entries.len())?;
            if offset >> OFFSET_BITS != 0 {
                return Err("more bytes than an offset can reach".into());
            }
            entries.push(length);
            entries.extend(rank.to_le_bytes().iter().take(3));
            entries.extend(token);
            let key = Key::of(token);
            place(&mut slots, &key, key.tag() << OFFSET_BITS | offset, slot_bits).ok_or("table is full")?;
        }
        rank += 1;
    }
    Ok(Tables { slots: slots.into_iter().flat_map(u32::to_le_bytes).collect(), entries })
}

fn place(slots: &mut [u32], key: &Key, value: u32, slot_bits: u32) -> Option<()> {
    let first = key.slot(slot_bits);
    let (before, from_first) = slots.split_at_mut_checked(first)?;
    let free = from_first.iter_mut().chain(before).find(|slot| **slot == EMPTY_SLOT)?;
    *free = value;
    Some(())
}
