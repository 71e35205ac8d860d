//! Judges the framing of requests before hyper sees them (R-12).
//!
//! What hyper 1.12 would serve and is refused here: lines that end in a bare line feed, also between requests;
//! Content-Length together with Transfer-Encoding (hyper serves the latter and closes); one length several
//! times; `Transfer-Encoding: gzip, chunked` and others that end in chunked, in one field or in several; no
//! Host or two; a Connection that is no list of tokens (hyper passes over one with bytes beyond ASCII, and over the
//! `close` in it); a blank behind a chunk size. Names, other values, target and version are hyper's to judge: it
//! sees every head that passes, and [`own_answer`](Screen::own_answer) gives its bare refusal a body.

use std::ops::Range;

use memchr::memchr_iter;

use super::{
    chunks::Chunks,
    head::Head,
    refusal::{Dialect, Refusal},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Why hyper's HTTP/1 cannot go on with what the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Refused {
        refusal: Refusal,
        dialect: Dialect,
        is_head: bool,
    },
    /// The client speaks HTTP/2.
    Preface,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusal, dialect: Dialect::OpenAi, is_head: false }
    }
}

enum State {
    Head,
    /// A body of this many bytes more, for hyper to read.
    Sized(u64),
    /// A body that the wire reads, of this many bytes in all.
    Direct(usize),
    Chunked(Chunks),
    /// The request is whole; what follows is the next one's.
    Whole,
}

/// Where in a request the next byte stands.
pub(super) struct Screen {
    state: State,
    /// Bytes of the current head that were looked at without finding its end.
    searched: usize,
    header_limit: usize,
    /// Bytes of a body that the wire may read.
    body_limit: usize,
    /// Where in the last head the digits of its length are, if hyper must not see them.
    length: Range<usize>,
    /// Whether HTTP/2 may begin here.
    preface: bool,
    /// Of the last head.
    dialect: Dialect,
    is_head: bool,
}

impl Screen {
    pub(super) fn new(header_limit: usize, body_limit: usize, h2c: bool) -> Self {
        Self {
            state: State::Head,
            searched: 0,
            header_limit,
            body_limit,
            length: 0..0,
            preface: h2c,
            dialect: Dialect::OpenAi,
            is_head: false,
        }
    }

    /// Whether a request is whole and the next one has not begun.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state, State::Whole)
    }

    /// Whether a head is awaited or read.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Returns the size of a body that the wire reads itself, behind the head that has just passed.
    pub(super) fn direct(&self) -> Option<usize> {
        if let State::Direct(size) = self.state { Some(size) } else { None }
    }

    /// Returns where in the head that has just passed the length of such a body is written.
    pub(super) fn take_length(&mut self) -> Range<usize> {
        std::mem::take(&mut self.length)
    }

    /// The wire has read the body.
    pub(super) fn has_body(&mut self) {
        self.state = State::Whole;
    }

    /// The request was answered: what follows is the next one.
    pub(super) fn next_request(&mut self) {
        if self.is_whole() {
            self.state = State::Head;
        }
    }

    /// Returns what to answer in place of `answer`, which hyper wrote of itself.
    pub(super) fn own_answer(&self, answer: &[u8]) -> Stop {
        self.refused(match answer.get(9..12) {
            Some(b"414") => Refusal::TargetTooLong,
            Some(b"431") => Refusal::HeaderTooLarge,
            _ => Refusal::Malformed("The request line or a field is malformed."),
        })
    }

    fn refused(&self, refusal: Refusal) -> Stop {
        Stop::Refused { refusal, dialect: self.dialect, is_head: self.is_head }
    }

    /// Returns how many of `bytes` belong to the current request. A head is passed whole or not at all: until
    /// it is complete, the same bytes have to come again with those behind them.
    pub(super) fn admit(&mut self, bytes: &[u8]) -> Result<usize, Stop> {
        let mut passed = 0;
        if self.is_in_head() {
            match self.head(bytes)? {
                Some(length) => passed = length,
                None => return Ok(0),
            }
        }
        let rest = bytes.get(passed..).unwrap_or_default();
        passed += match &mut self.state {
            State::Sized(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= length as u64;
                if *left == 0 {
                    self.state = State::Whole;
                }
                length
            }
            State::Chunked(chunks) => match chunks.follow(rest) {
                Some(length) => {
                    if chunks.is_over() {
                        self.state = State::Whole;
                    }
                    length
                }
                None => {
                    return Err(self.refused(Refusal::Malformed("The chunks of the body are malformed.")));
                }
            },
            State::Head | State::Direct(_) | State::Whole => 0,
        };
        Ok(passed)
    }

    /// Returns the length of the head at the start of `bytes` once it is complete.
    fn head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Stop> {
        if self.preface && !bytes.is_empty() {
            if bytes.starts_with(PREFACE) {
                return Err(Stop::Preface);
            }
            if PREFACE.starts_with(bytes) {
                return Ok(None);
            }
            self.preface = false;
        }
        let is_new = self.searched == 0;
        if !is_new && !ends_between(bytes, self.searched) {
            return self.incomplete(bytes);
        }
        (self.dialect, self.is_head) = (Dialect::OpenAi, false);
        let mut head = Head::new(bytes);
        let judged = head.read();
        (self.dialect, self.is_head) = (Dialect::of(head.target), head.method == b"HEAD");
        if !judged.map_err(|refusal| self.refused(refusal))? {
            // What is no HTTP at all need not wait for the end of a head that never comes.
            if is_new && matches!(httparse::Request::new(&mut []).parse(bytes), Err(error) if is_early(error))
            {
                return Err(self.refused(Refusal::Malformed("The request line is malformed.")));
            }
            return self.incomplete(bytes);
        }
        let length = bytes.len() - head.rest.len();
        let judged = if length > self.header_limit { Err(Refusal::HeaderTooLarge) } else { head.check() };
        judged.map_err(|refusal| self.refused(refusal))?;
        self.state = match head.length {
            _ if head.is_chunked => State::Chunked(Chunks::new()),
            None | Some(0) => State::Whole,
            Some(length) => match usize::try_from(length) {
                // Who waits for 100, or sends too much, is hyper's to tell so.
                Ok(size) if size <= self.body_limit && !head.has_expectation => {
                    self.length = head.length_at;
                    State::Direct(size)
                }
                _ => State::Sized(length),
            },
        };
        self.searched = 0;
        Ok(Some(length))
    }

    fn incomplete(&mut self, bytes: &[u8]) -> Result<Option<usize>, Stop> {
        self.searched = bytes.len();
        if bytes.len() > self.header_limit {
            return Err(self.refused(Refusal::HeaderTooLarge));
        }
        Ok(None)
    }
}

/// Whether a head may end in `bytes` behind those that were searched.
fn ends_between(bytes: &[u8], searched: usize) -> bool {
    let behind = bytes.get(searched.saturating_sub(3)..).unwrap_or_default();
    memchr_iter(b'\n', behind).any(|end| {
        let next = behind.get(end + 1..).unwrap_or_default();
        next.starts_with(b"\n") || next.starts_with(b"\r\n")
    })
}

/// Whether the first bytes of a head show that it is none.
fn is_early(error: httparse::Error) -> bool {
    // Without room for fields, the first one is too many.
    !matches!(error, httparse::Error::TooManyHeaders)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

    use proptest::prelude::*;

    use super::*;

    fn screen() -> Screen {
        Screen::new(1024, 1000, true)
    }

    #[test]
    fn a_head_passes_whole_or_not_at_all() {
        let bytes = b"\r\nPOST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\nabcd";
        let head = bytes.len() - 4;
        for cut in 1..bytes.len() {
            let mut screen = screen();
            let first = screen.admit(bytes.get(..cut).unwrap()).unwrap();
            assert_eq!(first, if cut < head { 0 } else { cut });
            let second = screen.admit(bytes.get(first..).unwrap()).unwrap();
            assert_eq!(first + second, bytes.len());
            assert!(!screen.is_whole() && screen.direct().is_none());
            assert_eq!(screen.admit(&[b'x'; 1000]), Ok(997));
            assert!(screen.is_whole());
            assert_eq!(screen.admit(b"GET "), Ok(0));
        }
    }

    #[test]
    fn the_wire_reads_bodies_within_the_limit_that_nobody_waits_for() {
        for (fields, at) in [
            ("Content-Length: 17\r\nHost: a", Some("17")),
            ("host:\tb \r\ncontent-length:0999 \t\r\nX: 0999", Some("0999")),
            ("Host: a\r\nContent-Length: 1000", Some("1000")),
            ("Host: a\r\nContent-Length: 1001", None),
            ("Host: a\r\nContent-Length: 17\r\nExpect: 100-continue", None),
            ("Host: a\r\nContent-Length: 0", None),
            ("Host: a\r\nTransfer-Encoding: chunked", None),
        ] {
            let head = format!("\r\nPOST / HTTP/1.1\r\n{fields}\r\n\r\n");
            let mut screen = screen();
            assert!(screen.admit(format!("{head}1\r\n").as_bytes()).unwrap() >= head.len());
            assert_eq!(screen.direct(), at.map(|digits| digits.parse().unwrap()), "{head:?}");
            let length = screen.take_length();
            assert_eq!(head.get(length.clone()), Some(at.unwrap_or_default()));
            assert!(length.is_empty() || !head.get(..length.start).unwrap().contains("X:"));
        }
    }

    #[test]
    fn a_long_head_is_refused_before_its_end() {
        let mut screen = screen();
        let mut bytes = b"GET / HTTP/1.1\r\nx: ".to_vec();
        while bytes.len() < 1024 {
            bytes.push(b'y');
            assert_eq!(screen.admit(&bytes), Ok(0));
        }
        bytes.push(b'y');
        assert_eq!(screen.admit(&bytes), Err(Refusal::HeaderTooLarge.into()));
    }

    #[test]
    fn a_head_in_one_piece_has_the_same_limit() {
        let head = |size: usize| format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(size - 32));
        assert_eq!(screen().admit(head(1024).as_bytes()), Ok(1024));
        assert!(screen().admit(head(1025).as_bytes()).is_err());
    }

    #[test]
    fn the_preface_is_told_apart_from_a_request() {
        for cut in 1..PREFACE.len() {
            let mut screen = screen();
            assert_eq!(screen.admit(PREFACE.get(..cut).unwrap()), Ok(0));
            assert_eq!(screen.admit(PREFACE), Err(Stop::Preface));
        }
        assert!(matches!(screen().admit(b"PRI * HTTP/1.1\r\nhost: a\r\n\r\n"), Ok(27)));
        let mut second = screen();
        assert_eq!(second.admit(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"), Ok(27));
        second.next_request();
        assert!(matches!(second.admit(PREFACE), Err(Stop::Refused { .. })));
    }

    /// Pieces of which requests are made, good and bad.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            "GET / HTTP/1.1\r\n",
            "POST /v1/messages HTTP/1.1\r\n",
            "GET / HTTP/1.0\r\n",
            "HEAD http://a/ HTTP/1.1\r\n",
            "Host: a\r\n",
            "Content-Length: 5\r\n",
            "Content-Length: 2000 \r\n",
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "X: y\r\n",
            "X : y\r\n",
            "\r\n",
            "\n",
            "\r",
            " ",
            ":",
            "0",
            "5",
            "hello",
            "\0",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ]);
        prop::collection::vec(pieces, 0..12)
            .prop_map(|pieces| [&pieces.concat(), "\r\n\r\n"].concat().into_bytes())
    }

    /// Gives `bytes` as a wire does, and returns how many passed, and whether something was refused.
    fn give(cuts: &[usize], bytes: &[u8]) -> (usize, bool) {
        let (mut screen, mut passed) = (screen(), 0);
        for end in cuts.iter().copied().chain([bytes.len()]) {
            match screen.admit(bytes.get(passed..end.max(passed)).unwrap_or_default()) {
                Ok(length) => passed += length,
                Err(_) => return (passed, true),
            }
        }
        (passed, false)
    }

    proptest! {
        #[test]
        fn a_request_is_judged_alike_however_it_is_cut(bytes in pieces(), cuts in prop::collection::vec(0..200usize, 0..5)) {
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= bytes.len()).collect();
            cuts.sort_unstable();
            let (whole, cut) = (give(&[], &bytes), give(&cuts, &bytes));
            // A bad body shows behind its head in one case and together with it in the other; and a head that is
            // none may be refused before its end, where hyper would do it.
            let is_hypers =
                || httparse::Request::new(&mut [httparse::EMPTY_HEADER; 20]).parse(&bytes).is_err();
            prop_assert!(whole == cut || (whole.1 && cut.1) || (cut.1 && is_hypers()), "{whole:?} {cut:?}");
        }

        #[test]
        fn what_passes_as_a_head_ends_where_hyper_sees_its_end(bytes in pieces()) {
            let mut screen = screen();
            if let Ok(passed) = screen.admit(&bytes)
                && (screen.direct().is_some() || screen.is_whole()) && passed > 0
                && let Ok(parsed) = httparse::Request::new(&mut [httparse::EMPTY_HEADER; 20]).parse(&bytes)
            {
                let httparse::Status::Complete(length) = parsed else { panic!("hyper would wait for more") };
                prop_assert!(length == passed || (length < passed && screen.direct().is_none()));
            }
        }
    }
}
