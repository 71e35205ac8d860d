//! Character classes of the pre-tokenizer patterns, and walking over UTF-8 by them.

/// A set of classes, a bit each. The bits are those of `build/classes.rs`.
pub(crate) type Classes = u8;

/// In none of the other classes: punctuation, symbols, control characters.
pub(crate) const OTHER: Classes = 1;
/// `Lu`, `Lt`.
pub(crate) const UPPER: Classes = 1 << 1;
/// `Ll`.
pub(crate) const LOWER: Classes = 1 << 2;
/// `Lm`, `Lo`.
pub(crate) const CASELESS: Classes = 1 << 3;
/// `M`.
pub(crate) const MARK: Classes = 1 << 4;
/// `N`.
pub(crate) const NUMBER: Classes = 1 << 5;
/// White space but line breaks.
pub(crate) const SPACE: Classes = 1 << 6;
/// Carriage return and line feed.
pub(crate) const BREAK: Classes = 1 << 7;

pub(crate) const LETTER: Classes = UPPER | LOWER | CASELESS;
pub(crate) const WHITE: Classes = SPACE | BREAK;

static INDEX: &[u8; 0x11_0000 / 256] = include_bytes!(concat!(env!("OUT_DIR"), "/class_index"));
static BLOCKS: &[[u8; 256]] = include_bytes!(concat!(env!("OUT_DIR"), "/class_blocks")).as_chunks().0;

/// The classes of ASCII; none of the bytes of other characters, so that a run of ASCII needs one look at each.
static ASCII: [Classes; 256] = ascii();

/// The class of the character at `at` and where the next one starts; `None` at the end of the text.
///
/// `text` is UTF-8 and `at` a character's start. A wrong position would give a wrong class, nothing worse.
#[inline]
pub(crate) fn class_at(text: &[u8], at: usize) -> Option<(Classes, usize)> {
    match ascii_class(*text.get(at)?) {
        0 => beyond_ascii(text, at),
        class => Some((class, at + 1)),
    }
}

/// Where the run of characters of `set` ends that starts at `at`.
#[inline]
pub(crate) fn run(text: &[u8], at: usize, set: Classes) -> usize {
    let mut end = at;
    loop {
        while let Some(&byte) = text.get(end)
            && ascii_class(byte) & set != 0
        {
            end += 1;
        }
        match text.get(end) {
            Some(0x80..) => match beyond_ascii(text, end) {
                Some((class, next)) if class & set != 0 => end = next,
                _ => return end,
            },
            _ => return end,
        }
    }
}

#[inline]
fn ascii_class(byte: u8) -> Classes {
    ASCII.get(usize::from(byte)).copied().unwrap_or_default()
}

#[inline(never)]
fn beyond_ascii(text: &[u8], at: usize) -> Option<(Classes, usize)> {
    let first = u32::from(*text.get(at)?);
    let next = |offset| u32::from(text.get(at + offset).copied().unwrap_or_default() & 0x3f);
    Some(match first {
        ..0xe0 => (class_of((first & 0x1f) << 6 | next(1)), at + 2),
        0xe0..0xf0 => (class_of((first & 0x0f) << 12 | next(1) << 6 | next(2)), at + 3),
        _ => (class_of((first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3)), at + 4),
    })
}

#[inline]
fn class_of(code_point: u32) -> Classes {
    let [low, ..] = code_point.to_le_bytes();
    let block = INDEX.get((code_point >> 8) as usize).copied().unwrap_or_default();
    BLOCKS
        .get(usize::from(block))
        .map_or(OTHER, |classes| classes.get(usize::from(low)).copied().unwrap_or(OTHER))
}

#[expect(clippy::indexing_slicing, reason = "what is out of bounds does not compile: it runs there")]
const fn ascii() -> [Classes; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 0x80 {
        classes[byte] = BLOCKS[INDEX[0] as usize][byte];
        byte += 1;
    }
    classes
}
