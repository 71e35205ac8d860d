//! Follows the chunked coding through the bytes of a body, to find its end and what is wrong with it.
//!
//! hyper decodes it again. It takes blanks behind a size, which others read differently, and accepts a bare
//! line feed in trailers (R-12): what is not exactly RFC 9112 does not reach it.

/// Bytes of all extensions and trailers together. hyper refuses more as well.
const EXTRA: usize = 16 * 1024 - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SizeStart,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

/// Where in a chunked body the next byte stands.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
    /// Of the size that is read, or of the data that is left.
    left: u64,
    extra: usize,
}

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { state: State::SizeStart, left: 0, extra: 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::End
    }

    /// Returns how many of `bytes` belong to the body, None when they are no chunked coding.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while self.state != State::End {
            if self.state == State::Data {
                let data = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                rest = rest.get(data..)?;
                self.left -= data as u64;
                if self.left > 0 {
                    break;
                }
                self.state = State::DataCr;
            }
            let Some((byte, behind)) = rest.split_first() else { break };
            self.state = self.step(*byte)?;
            rest = behind;
        }
        Some(bytes.len() - rest.len())
    }

    fn step(&mut self, byte: u8) -> Option<State> {
        Some(match (self.state, byte) {
            (State::SizeStart | State::Size, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16)?;
                self.left = self.left.checked_mul(16)?.checked_add(digit.into())?;
                State::Size
            }
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Size, b';') => State::Extension,
            (State::SizeLf, b'\n') if self.left == 0 => State::TrailerStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => State::End,
            // A blank here would continue the line before (obs-fold).
            (State::TrailerStart, b' ' | b'\t') => return None,
            (State::Extension | State::TrailerStart | State::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extra += 1;
                if self.extra >= EXTRA {
                    return None;
                }
                if self.state == State::Extension { State::Extension } else { State::Trailer }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(bytes: &[u8]) -> Option<(usize, bool)> {
        let mut chunks = Chunks::new();
        let taken = chunks.follow(bytes)?;
        Some((taken, chunks.is_over()))
    }

    #[test]
    fn the_body_ends_where_its_coding_does() {
        for (body, behind) in [
            ("0\r\n\r\n", ""),
            ("0\r\n\r\n", "GET / HTTP/1.1\r\n"),
            ("5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n"),
            ("5;a=b\r\nhello\r\nA;c=\"d;\"\r\n0123456789\r\n000\r\n\r\n", "x"),
            ("1\r\n\r\r\n1\r\n\n\r\n0\r\nx-sum: 1\r\ny: \r\n\r\n", "\r\n"),
        ] {
            let all = [body, behind].concat();
            assert_eq!(follow(all.as_bytes()), Some((body.len(), true)), "{all:?}");
        }
    }

    #[test]
    fn any_cut_is_followed_alike() {
        let body = b"5;a=b\r\nhello\r\nfF\r\n".to_vec();
        let body = [&*body, &[b'x'; 255], b"\r\n0\r\nx: y\r\n\r\n"].concat();
        for cut in 0..body.len() {
            let (before, behind) = body.split_at(cut);
            let mut chunks = Chunks::new();
            assert_eq!(chunks.follow(before), Some(cut));
            assert!(!chunks.is_over());
            assert_eq!(chunks.follow(behind), Some(behind.len()));
            assert!(chunks.is_over());
        }
    }

    #[test]
    fn what_is_not_exactly_chunked_is_refused() {
        for body in [
            "\r\n",
            "\n",
            ";a\r\n",
            " 5\r\n",
            "5 \r\n",
            "5\t;a\r\n",
            "5\n",
            "5\rhello",
            "5\r\r\n",
            "+5\r\n",
            "-5\r\n",
            "0x5\r\n",
            "5_0\r\n",
            "5,6\r\n",
            "g\r\n",
            "10000000000000000\r\n",
            "5;a\n",
            "5;a\0\r\n",
            "5;a\rb\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello!\r\n",
            "0\r\n\n",
            "0\r\nx: y\n\r\n",
            "0\r\nx: y\r\n z\r\n\r\n",
            "0\r\nx\0: y\r\n\r\n",
            "0\r\n\rx",
        ] {
            assert_eq!(follow(body.as_bytes()), None, "{body:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = format!("0;{}\r\n\r\n", "a".repeat(EXTRA));
        assert_eq!(follow(long.as_bytes()), None);
        let just = format!("0;{}\r\n\r\n", "a".repeat(EXTRA - 1));
        assert_eq!(follow(just.as_bytes()), Some((just.len(), true)));
    }
}
