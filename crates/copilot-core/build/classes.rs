//! Two-level table of character classes: block number by the upper bits of a code point, class by the lower 8.

use std::{collections::HashMap, error::Error};

const BLOCK: usize = 256;
const CODE_POINTS: usize = 0x11_0000;

/// The two levels.
pub(crate) struct Tables {
    pub(crate) index: Vec<u8>,
    pub(crate) blocks: Vec<u8>,
}

/// One bit each, so that a set of classes is a byte; `src/tokenizer/classes.rs` names them.
fn bit(letter: &str) -> Option<u8> {
    "OULCMNSR".find(letter).map(|position| 1 << position)
}

/// Makes the tables of `character_classes.txt`.
pub(crate) fn tables(ranges: &str) -> Result<Tables, Box<dyn Error>> {
    let mut classes = vec![bit("O").ok_or("no class of the others")?; CODE_POINTS];
    for line in ranges.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (Some(start), Some(end), Some(letter)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("not a range: {line}").into());
        };
        let range = usize::from_str_radix(start, 16)?..=usize::from_str_radix(end, 16)?;
        let class = bit(letter).ok_or_else(|| format!("not a class: {letter}"))?;
        classes.get_mut(range).ok_or_else(|| format!("beyond Unicode: {line}"))?.fill(class);
    }
    let mut numbers = HashMap::new();
    let (mut index, mut blocks) = (Vec::new(), Vec::new());
    for block in classes.chunks(BLOCK) {
        let next = numbers.len();
        let number = *numbers.entry(block).or_insert_with(|| {
            blocks.extend(block);
            next
        });
        index.push(u8::try_from(number)?);
    }
    Ok(Tables { index, blocks })
}
