//! Judges the framing of requests before hyper sees them.
//!
//! What hyper 1.12 would let pass and is refused here: lines that end in a bare line feed, also between
//! requests; Content-Length together with Transfer-Encoding (hyper serves the latter and closes); one length
//! several times; `Transfer-Encoding: gzip, chunked` and others that end in chunked, in one field or in
//! several; no Host or two; blanks behind a chunk size. What both refuse is refused here too, since hyper's
//! own answers have no body.

use std::mem::MaybeUninit;

use http::Uri;
use memchr::memchr_iter;

use super::{
    chunks::Chunks,
    options::{FIELDS, TARGET},
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
    /// A body of this many bytes more.
    Sized(u64),
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
    /// Whether HTTP/2 may begin here.
    preface: bool,
    /// Of the request whose body is read.
    dialect: Dialect,
}

impl Screen {
    pub(super) fn new(header_limit: usize, h2c: bool) -> Self {
        let dialect = Dialect::OpenAi;
        Self { state: State::Head, searched: 0, header_limit, preface: h2c, dialect }
    }

    /// Whether a request is whole and the next one has not begun.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state, State::Whole)
    }

    /// Whether a head is awaited or read.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// The request was answered: what follows is the next one.
    pub(super) fn next_request(&mut self) {
        if self.is_whole() {
            self.state = State::Head;
        }
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
            State::Chunked(chunks) => {
                let refusal = Refusal::Malformed("The chunks of the body are malformed.");
                let dialect = self.dialect;
                let stop = Stop::Refused { refusal, dialect, is_head: false };
                let length = chunks.follow(rest).ok_or(stop)?;
                if chunks.is_over() {
                    self.state = State::Whole;
                }
                length
            }
            State::Head | State::Whole => 0,
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
        // One blank line is left over from clients that end a body with it. Many would be parsed again and again.
        if [&b"\n"[..], b"\r\n\n", b"\r\n\r\n"].iter().any(|blank| bytes.starts_with(blank)) {
            return Err(Refusal::Malformed("There are blank lines before the request.").into());
        }
        if self.searched > 0 && !ends_between(bytes, self.searched) {
            return self.incomplete(bytes);
        }
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(bytes, &mut fields) {
            Ok(httparse::Status::Partial) => self.incomplete(bytes),
            Ok(httparse::Status::Complete(length)) => {
                let state = self.judge(&request, bytes.get(..length).unwrap_or_default());
                self.state = state.map_err(|refusal| refused(refusal, &request))?;
                self.dialect = Dialect::of(request.path.unwrap_or_default());
                self.searched = 0;
                Ok(Some(length))
            }
            Err(error) => Err(refused(malformed(error), &request)),
        }
    }

    fn incomplete(&mut self, bytes: &[u8]) -> Result<Option<usize>, Stop> {
        self.searched = bytes.len();
        if bytes.len() > self.header_limit {
            return Err(Refusal::HeaderTooLarge.into());
        }
        Ok(None)
    }

    fn judge(&self, request: &httparse::Request<'_, '_>, head: &[u8]) -> Result<State, Refusal> {
        if head.len() > self.header_limit {
            return Err(Refusal::HeaderTooLarge);
        }
        let bare = |end: usize| end.checked_sub(1).and_then(|before| head.get(before)) != Some(&b'\r');
        if memchr_iter(b'\n', head).any(bare) {
            return Err(Refusal::Malformed("A line of the header section ends without a carriage return."));
        }
        let is_http_10 = request.version == Some(0);
        let framing = Framing::of(request.headers, is_http_10)?;
        let host = match (framing.host, framing.hosts) {
            (host, 1) => host,
            (_, 0) if is_http_10 => None,
            (_, 0) => return Err(Refusal::Malformed("The Host field is missing.")),
            _ => return Err(Refusal::Malformed("There is more than one Host field.")),
        };
        if request.method == Some("CONNECT") {
            return Err(Refusal::Connect);
        }
        check_target(request.path.unwrap_or_default(), host)?;
        Ok(match (framing.chunked, framing.length) {
            (true, _) => State::Chunked(Chunks::new()),
            (false, Some(length)) if length > 0 => State::Sized(length),
            _ => State::Whole,
        })
    }
}

/// What the fields of a head say about its body and host.
#[derive(Default)]
struct Framing<'a> {
    length: Option<u64>,
    chunked: bool,
    host: Option<&'a [u8]>,
    hosts: usize,
}

impl<'a> Framing<'a> {
    fn of(fields: &[httparse::Header<'a>], is_http_10: bool) -> Result<Self, Refusal> {
        let mut framing = Self::default();
        for field in fields {
            // The length tells most other names apart without reading them.
            match field.name.len() {
                4 if field.name.eq_ignore_ascii_case("host") => {
                    framing.hosts += 1;
                    framing.host = Some(field.value);
                }
                14 if field.name.eq_ignore_ascii_case("content-length") => {
                    let length = digits(field.value)
                        .ok_or(Refusal::Malformed("The Content-Length is not a length."))?;
                    if framing.length.replace(length).is_some() {
                        return Err(Refusal::Malformed("There is more than one Content-Length."));
                    }
                }
                17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                    let only = !framing.chunked && field.value.eq_ignore_ascii_case(b"chunked");
                    if is_http_10 || !only {
                        return Err(Refusal::Malformed("The Transfer-Encoding is other than chunked."));
                    }
                    framing.chunked = true;
                }
                _ => {}
            }
        }
        if framing.chunked && framing.length.is_some() {
            return Err(Refusal::Malformed("There are both Content-Length and Transfer-Encoding."));
        }
        Ok(framing)
    }
}

fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |length, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        length.checked_mul(10)?.checked_add(digit.into())
    })
}

/// What hyper would refuse without a body is refused here, and an absolute target for another host than Host.
fn check_target(target: &str, host: Option<&[u8]>) -> Result<(), Refusal> {
    if target.len() > TARGET {
        return Err(Refusal::TargetTooLong);
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_.-~%?&=:@+,;*!$'()".contains(byte);
    if target.starts_with('/') && target.as_bytes().iter().all(plain) {
        return Ok(());
    }
    let uri: Uri = target.parse().map_err(|_| Refusal::Malformed("The address is malformed."))?;
    if !target.starts_with('/') && target != "*" && uri.scheme().is_none() {
        return Err(Refusal::Malformed("The address is neither a path nor a URL."));
    }
    match (uri.authority(), host) {
        (Some(authority), Some(host)) if !authority.as_str().as_bytes().eq_ignore_ascii_case(host) => {
            Err(Refusal::Malformed("The address and the Host field name different hosts."))
        }
        _ => Ok(()),
    }
}

/// Whether a head ends in `bytes` behind those that were searched.
fn ends_between(bytes: &[u8], searched: usize) -> bool {
    let behind = bytes.get(searched.saturating_sub(3)..).unwrap_or_default();
    memchr_iter(b'\n', behind).any(|end| {
        let next = behind.get(end + 1..).unwrap_or_default();
        next.starts_with(b"\n") || next.starts_with(b"\r\n")
    })
}

fn malformed(error: httparse::Error) -> Refusal {
    Refusal::Malformed(match error {
        httparse::Error::TooManyHeaders => return Refusal::HeaderTooLarge,
        httparse::Error::HeaderName => "The name of a field is malformed.",
        httparse::Error::HeaderValue => "The value of a field is malformed.",
        httparse::Error::Version => "The version of HTTP is not served.",
        httparse::Error::NewLine => "A line of the header section is malformed.",
        httparse::Error::Token | httparse::Error::Status => "The request line is malformed.",
    })
}

fn refused(refusal: Refusal, request: &httparse::Request<'_, '_>) -> Stop {
    Stop::Refused {
        refusal,
        dialect: Dialect::of(request.path.unwrap_or_default()),
        is_head: request.method == Some("HEAD"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn screen() -> Screen {
        Screen::new(1024, true)
    }

    #[test]
    fn a_head_passes_whole_or_not_at_all() {
        let bytes = b"\r\nPOST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n";
        let whole = bytes.len() - 16;
        for cut in 1..bytes.len() {
            let mut screen = screen();
            let first = screen.admit(bytes.get(..cut).unwrap()).unwrap();
            let head = whole - 3;
            assert_eq!(first, if cut < head { 0 } else { cut.min(whole) });
            let second = screen.admit(bytes.get(first..).unwrap()).unwrap();
            assert_eq!(first + second, whole);
            assert!(screen.is_whole());
            assert_eq!(screen.admit(b"GET "), Ok(0));
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
        let head = |size| format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(size - 32));
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
}
