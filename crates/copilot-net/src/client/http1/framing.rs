//! Where the body of an HTTP/1.1 answer ends (RFC 9112 6 and 7.1). Read strictly: a reader that guesses makes
//! up answers.

use std::ops::Range;

/// Bytes of chunk extensions and trailers in one body: they are skipped, and could be endless.
const MOST_EXTRA: usize = 64 * 1024;

/// How a body is delimited, and how far it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Framing {
    /// Bytes that are still to come.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// What one step found at the start of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// These bytes of the input are the body's.
    Data(Range<usize>),
    /// The input is used up.
    More,
    /// The body is whole. The input was used up to here.
    End(usize),
}

impl Framing {
    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunked { at: At::Size { value: 0, digits: 0 }, extra: 0 })
    }

    /// Decides by the two fields, with repeated ones joined by commas, and the minor version. The second value
    /// is false where the message is delimited in a way that smugglers use: it ends its connection.
    pub(super) fn of(
        transfer_encoding: Option<&str>,
        content_length: Option<&str>,
        minor: u8,
    ) -> Result<(Self, bool), String> {
        match (transfer_encoding, content_length) {
            (Some(encoding), length) => {
                if minor > 0 && encoding.eq_ignore_ascii_case("chunked") {
                    Ok((Self::chunked(), length.is_none()))
                } else {
                    Err("its answer has a transfer encoding that was not asked for".to_owned())
                }
            }
            (None, Some(length)) => {
                Ok((Self::Length(one_length(length).ok_or("its answer has no clear length")?), true))
            }
            (None, None) => Ok((Self::UntilClose, false)),
        }
    }

    /// The body is whole, without a look at what comes.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunked { at: At::Done, .. }))
    }

    /// Takes the next step at `from` in `input`.
    pub(super) fn step(&mut self, input: &[u8], from: usize) -> Result<Step, &'static str> {
        let left = input.len().saturating_sub(from);
        match self {
            Self::Length(0) => Ok(Step::End(from)),
            _ if left == 0 => Ok(Step::More),
            Self::Length(missing) => {
                let taken = usize::try_from(*missing).map_or(left, |missing| missing.min(left));
                *missing -= taken as u64;
                Ok(Step::Data(from..from + taken))
            }
            Self::UntilClose => Ok(Step::Data(from..input.len())),
            Self::Chunked(chunked) => chunked.step(input, from),
        }
    }
}

/// Without the blanks that may stand around a value (RFC 9110 5.6.3): other white space is part of it.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Several equal values are one (RFC 9110 8.6). Digits only: no sign, no blank, no empty one.
fn one_length(text: &str) -> Option<u64> {
    let mut values = text.split(',').map(trimmed);
    let first = values.next()?;
    if first.is_empty() || !first.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    values.all(|value| value == first).then(|| first.parse().ok()).flatten()
}

/// The state inside a chunked body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunked {
    at: At,
    extra: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size {
        value: u64,
        digits: u8,
    },
    /// After the size, before its line ends. `return_seen`: the next byte must end it.
    Extension {
        value: u64,
        return_seen: bool,
    },
    Data(u64),
    /// The line end after data; `return_seen` as above.
    DataEnd {
        return_seen: bool,
    },
    /// In the lines after the last chunk; `empty`: nothing was in this line.
    Trailer {
        empty: bool,
        return_seen: bool,
    },
    Done,
}

impl Chunked {
    fn step(&mut self, input: &[u8], from: usize) -> Result<Step, &'static str> {
        let mut at = from;
        while let Some(&byte) = input.get(at) {
            match self.at {
                At::Data(size) => {
                    let left = input.len() - at;
                    let taken = usize::try_from(size).map_or(left, |size| size.min(left));
                    let rest = size - taken as u64;
                    self.at = if rest == 0 { At::DataEnd { return_seen: false } } else { At::Data(rest) };
                    return Ok(Step::Data(at..at + taken));
                }
                At::Done => break,
                _ => self.at = self.next(byte)?,
            }
            at += 1;
        }
        Ok(if self.at == At::Done { Step::End(at) } else { Step::More })
    }

    fn next(&mut self, byte: u8) -> Result<At, &'static str> {
        Ok(match (self.at, byte) {
            (At::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                // Sixteen digits fill 64 bits.
                if digits == 16 {
                    return Err("a chunk is larger than can be");
                }
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                At::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
            }
            (At::Size { value, digits: 1.. }, b'\r') => At::Extension { value, return_seen: true },
            (At::Size { value, digits: 1.. }, b';' | b' ' | b'\t') => {
                At::Extension { value, return_seen: false }
            }
            (At::Extension { value: 0, return_seen: true }, b'\n') => {
                At::Trailer { empty: true, return_seen: false }
            }
            (At::Extension { value, return_seen: true }, b'\n') => At::Data(value),
            (At::Extension { value, return_seen: false }, _) => {
                self.skip(byte)?;
                At::Extension { value, return_seen: byte == b'\r' }
            }
            (At::DataEnd { return_seen: false }, b'\r') => At::DataEnd { return_seen: true },
            (At::DataEnd { return_seen: true }, b'\n') => At::Size { value: 0, digits: 0 },
            (At::Trailer { empty: true, return_seen: true }, b'\n') => At::Done,
            (At::Trailer { return_seen: true, .. }, b'\n') => At::Trailer { empty: true, return_seen: false },
            (At::Trailer { empty, return_seen: false }, _) => {
                self.skip(byte)?;
                At::Trailer { empty: empty && byte == b'\r', return_seen: byte == b'\r' }
            }
            _ => return Err("its chunks are framed wrongly"),
        })
    }

    fn skip(&mut self, byte: u8) -> Result<(), &'static str> {
        self.extra += 1;
        if byte == b'\n' {
            return Err("its chunks are framed wrongly");
        }
        if self.extra > MOST_EXTRA {
            return Err("its chunks carry too much besides data");
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Feeds `pieces` and returns the data, whether it ended, and what was left over.
    fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, Vec<u8>), &'static str> {
        let mut framing = Framing::chunked();
        let (mut data, mut rest) = (Vec::new(), Vec::new());
        for piece in pieces {
            let mut at = 0;
            loop {
                match framing.step(piece, at)? {
                    Step::Data(range) => {
                        at = range.end;
                        data.extend_from_slice(&piece[range]);
                    }
                    Step::More => break,
                    Step::End(end) => {
                        rest.extend_from_slice(&piece[end..]);
                        break;
                    }
                }
            }
        }
        Ok((data, framing.is_complete(), rest))
    }

    #[test]
    fn r13_r23_chunks_are_the_same_however_they_are_cut() {
        let text =
            b"5\r\nhello\r\n06;a=\"b\";c\r\n world\r\n1 \t;x\r\n!\r\n0;last\r\nTrailer: 1\r\nx: y\r\n\r\nHTTP/1.1";
        let end = text.len() - 8;
        let whole = (b"hello world!".to_vec(), true, b"HTTP/1.1".to_vec());
        assert_eq!(read(&[text]), Ok(whole.clone()));
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let got = read(&[&text[..first], &text[first..second], &text[second..]]).unwrap();
                assert_eq!(got, whole, "{first} {second}");
            }
        }
        for short in 0..end {
            let (data, done, _) = read(&[&text[..short]]).unwrap();
            assert!(!done && b"hello world!".starts_with(&data), "{short}");
        }
    }

    #[test]
    fn r13_wrong_chunks_are_an_error() {
        for text in [
            "\r\n",
            "x\r\n",
            "0x5\r\nhello\r\n",
            "+5\r\nhello\r\n",
            "-5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5_0\r\nhello\r\n",
            "5\nhello\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\rhello\r\n",
            "5;a\nhello\r\n",
            "00000000000000005\r\nhello\r\n",
            "ffffffffffffffff0\r\n",
            "0\r\na: b\n\r\n",
            "0\r\n\ra",
        ] {
            assert!(read(&[text.as_bytes()]).is_err(), "{text:?}");
        }
        let endless = format!("5;{}", "a".repeat(MOST_EXTRA + 1));
        assert!(read(&[endless.as_bytes()]).is_err());
        let endless = format!("0\r\n{}", "a: b\r\n".repeat(MOST_EXTRA / 4));
        assert!(read(&[endless.as_bytes()]).is_err());
    }

    #[test]
    fn a_size_of_64_bits_is_no_overflow() {
        let mut framing = Framing::chunked();
        assert_eq!(framing.step(b"FFFFFFFFFFFFFFFF\r\nab", 0), Ok(Step::Data(18..20)));
        assert_eq!(framing.step(b"ab", 2), Ok(Step::More));
    }

    #[test]
    fn a_length_ends_where_it_says() {
        let mut framing = Framing::Length(3);
        assert_eq!(framing.step(b"ab", 0), Ok(Step::Data(0..2)));
        assert_eq!(framing.step(b"ab", 2), Ok(Step::More));
        assert_eq!(framing.step(b"cd", 0), Ok(Step::Data(0..1)));
        assert_eq!(framing.step(b"cd", 1), Ok(Step::End(1)));
        assert!(framing.is_complete());
    }
}
