//! The text of a content frame: `~SEQUENCE/TOTAL.NANOSECONDS.ASKER.FILLER~` and that many bytes of filler.
//!
//! It needs no escape in JSON and survives any translation, so the far end can tell completeness, order,
//! damage, delay, and whether the answer is its own, without knowing the shape.

use std::fmt::Write;

use memchr::memchr;

const WORDS: &[u8; 64] = b"the quick brown fox jumps over the lazy dog and then naps a bit ";

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) sequence: u64,
    pub(crate) total: u64,
    /// `CLOCK_MONOTONIC` when it was written.
    pub(crate) nanoseconds: u64,
    /// The number that the request carried.
    pub(crate) asker: u64,
}

/// Replace `text` with the content of one frame, `bytes` long if the mark leaves room.
pub(crate) fn write(text: &mut String, mark: Mark, bytes: usize) {
    text.clear();
    let Mark { sequence, total, nanoseconds, asker } = mark;
    let _ = write!(text, "~{sequence}/{total}.{nanoseconds}.{asker}.");
    // Four bytes for the length of the filler and the tilde: exact up to 999.
    let filler = bytes.saturating_sub(text.len() + 4);
    let _ = write!(text, "{filler:03}~");
    text.extend(WORDS.iter().cycle().take(filler).map(|byte| char::from(*byte)));
}

/// Read the mark whose tilde is at `at`. Returns it and where its filler ends, which is a quote or a tilde.
pub(crate) fn one(line: &[u8], at: usize) -> Result<(Mark, usize), &'static str> {
    let rest = line.get(at + 1..).unwrap_or_default();
    let end = memchr(b'~', rest).ok_or("a mark without an end")?;
    let (inside, after) = rest.split_at(end);
    let mut numbers = Numbers(inside);
    let mark = Mark {
        sequence: numbers.next(b'/')?,
        total: numbers.next(b'.')?,
        nanoseconds: numbers.next(b'.')?,
        asker: numbers.next(b'.')?,
    };
    let filler = usize::try_from(numbers.last()?).map_err(|_| "a mark of no known form")?;
    let text = after.get(1..=filler).ok_or("filler is missing")?;
    if text.chunks(WORDS.len()).any(|part| WORDS.get(..part.len()) != Some(part)) {
        return Err("filler is damaged");
    }
    if !matches!(after.get(1 + filler), Some(b'"' | b'~')) {
        return Err("text does not end where it should");
    }
    Ok((mark, at + 1 + end + 1 + filler))
}

/// Call `found` for each mark in `line`. Fails where something that begins like a mark is none.
pub(crate) fn read(mut line: &[u8], mut found: impl FnMut(Mark)) -> Result<(), &'static str> {
    while let Some(at) = memchr(b'~', line) {
        let (mark, end) = one(line, at)?;
        line = line.get(end..).unwrap_or_default();
        found(mark);
    }
    Ok(())
}

struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self, separator: u8) -> Result<u64, &'static str> {
        let at = memchr(separator, self.0).ok_or("a mark of no known form")?;
        let (number, rest) = self.0.split_at(at);
        self.0 = rest.get(1..).unwrap_or_default();
        decimal(number)
    }

    fn last(&self) -> Result<u64, &'static str> {
        decimal(self.0)
    }
}

fn decimal(digits: &[u8]) -> Result<u64, &'static str> {
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return Err("a mark of no known form");
    }
    Ok(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::{Mark, read, write};

    fn marks(line: &str) -> Result<Vec<u64>, &'static str> {
        let mut found = Vec::new();
        read(line.as_bytes(), |mark| found.push(mark.sequence)).map(|()| found)
    }

    fn text(sequence: u64, bytes: usize) -> String {
        let mut text = String::new();
        write(&mut text, Mark { sequence, total: 9, nanoseconds: 123_456_789_012, asker: 77 }, bytes);
        text
    }

    #[test]
    fn what_is_written_is_read() {
        for bytes in [0, 10, 24, 25, 48, 63, 64, 65, 200, 999] {
            let one = text(3, bytes);
            assert!(one.len() == bytes || bytes < 28, "{bytes}: {}", one.len());
            assert_eq!(marks(&format!("{{\"content\":\"{one}\"}}")), Ok(vec![3]));
            assert_eq!(marks(&format!("\"{one}{}\"", text(4, bytes))), Ok(vec![3, 4]));
        }
    }

    #[test]
    fn damage_is_seen() {
        let one = text(3, 80);
        for wrong in [one.replace("quick", "quack"), one[..60].to_owned(), one.clone(), one.replace('/', "")]
        {
            assert!(marks(&wrong).is_err(), "{wrong}");
        }
        assert!(marks(&format!("{one}x\"")).is_err());
    }
}
