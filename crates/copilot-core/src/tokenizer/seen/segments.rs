//! Counts of segments of text, known by a keyed hash: of the text itself nothing is kept.

use highway::{HighwayHash, HighwayHasher, Key};
use memchr::memchr2;

use super::{counts::Counts, secret};
use crate::tokenizer::classes::{LETTER, NUMBER, class_at};

/// Bytes of a segment at least, unless it is a text's last.
const SEGMENT: usize = 1024;

/// 256 KB, for the segments of 16 MB of text and more.
pub(crate) struct Segments(Counts<4096>);

impl Segments {
    pub(super) const fn new() -> Self {
        Self(Counts::new())
    }

    /// The number of tokens of `segment`: as it was counted before, or else as `count` counts it now.
    #[inline]
    pub(crate) fn get_or_count(&self, segment: &[u8], count: impl FnOnce() -> usize) -> usize {
        self.0.get_or_count(HighwayHasher::new(Key(secret())).hash128(segment), count)
    }
}

/// Where the first segment of a text ends: where it can be cut, but not before it has [`SEGMENT`] bytes.
pub(crate) fn segment_end(text: &[u8]) -> usize {
    let mut from = SEGMENT;
    while let Some(found) = text.get(from..).and_then(|rest| memchr2(b' ', b'\n', rest)) {
        let at = from + found;
        if can_be_cut(text, at) {
            return at;
        }
        from = at + 1;
    }
    text.len()
}

/// Whether both parts of a text, cut before the space or line break at `at`, count what they count together.
///
/// That is so after a letter or number. No alternative of any pattern has white space after one of these, so
/// that a piece ends there in any case. And none looks at what follows a letter or number: the assertions
/// `(?!\S)` and `\Z` come after white space only, and a run of that before the cut is followed by the same in
/// the whole text and in the part. Nor does any look back.
pub(crate) fn can_be_cut(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let last = before.iter().rposition(|byte| byte & 0xc0 != 0x80);
    let class = last.and_then(|last| class_at(before, last));
    class.is_some_and(|(class, _)| class & (LETTER | NUMBER) != 0)
}
