//! The header section of an HTTP/1.1 answer, and what it says about the body's framing (RFC 9112).

use httparse::{EMPTY_HEADER, Error, ParserConfig, Response, Status};

use super::framing::{Framing, trimmed};
use crate::client::answer::{Head, joined, value_of};

/// Fields of a usual answer: they are read without an allocation.
const USUAL_FIELDS: usize = 64;

/// No honest answer has more.
const MOST_FIELDS: usize = 1024;

/// A header section.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) head: Head,
    pub(super) framing: Framing,
    /// The connection may be used again after the body.
    pub(super) keep: bool,
}

/// Returns the length of the section at the start of `bytes`, once it is whole. The first `seen` bytes were
/// looked at before.
pub(super) fn end(bytes: &[u8], seen: usize) -> Option<usize> {
    // An end is at most three bytes long: two of them may have been there before.
    let mut at = seen.saturating_sub(2);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        at += found + 1;
        match bytes.get(at..) {
            Some([b'\n', ..]) => return Some(at + 1),
            Some([b'\r', b'\n', ..]) => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Reads a whole section; None for one that goes before the answer (1xx).
pub(super) fn parse(section: &[u8], bodiless: bool) -> Result<Option<Section>, String> {
    let mut usual = [const { std::mem::MaybeUninit::uninit() }; USUAL_FIELDS];
    let mut response = Response::new(&mut []);
    let config = ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, section, &mut usual) {
        Err(Error::TooManyHeaders) => {}
        parsed => return understood(parsed, &response, bodiless),
    }
    let mut many = vec![EMPTY_HEADER; MOST_FIELDS];
    let mut response = Response::new(&mut many);
    let parsed = response.parse(section);
    understood(parsed, &response, bodiless)
}

fn understood(
    parsed: Result<Status<usize>, Error>,
    response: &Response<'_, '_>,
    bodiless: bool,
) -> Result<Option<Section>, String> {
    match parsed {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err("its answer is not HTTP".to_owned()),
        Err(error) => return Err(format!("its answer is not HTTP: {error}")),
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err("its answer is not HTTP".to_owned());
    };
    match status {
        101 => return Err("it switches to a protocol that was not asked for".to_owned()),
        100..=199 => return Ok(None),
        200..=999 => {}
        _ => return Err(format!("its answer has the status {status}")),
    }
    let headers =
        joined(response.headers.len(), || response.headers.iter().map(|header| (header.name, header.value)));
    let (framing, clear) = if bodiless || matches!(status, 204 | 304) {
        (Framing::Length(0), true)
    } else {
        Framing::of(value_of(&headers, "transfer-encoding"), value_of(&headers, "content-length"), minor)?
    };
    let connection = value_of(&headers, "connection").unwrap_or_default();
    let says = |wanted| connection.split(',').any(|token| trimmed(token).eq_ignore_ascii_case(wanted));
    let keep = clear && !says("close") && (minor > 0 || says("keep-alive"));
    Ok(Some(Section { head: Head { status, headers }, framing, keep }))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_the_reads_cut() {
        let text = b"HTTP/1.1 200 OK\r\na: b\r\n\r\nrest";
        for cut in 0..text.len() {
            let early = end(text.get(..cut).unwrap(), 0);
            assert_eq!(early.is_some(), cut >= text.len() - 4, "{cut}");
            if early.is_none() {
                assert_eq!(end(text, cut), Some(text.len() - 4), "{cut}");
            }
        }
        assert_eq!(end(b"HTTP/1.1 200 OK\n\n", 0), Some(17));
        assert_eq!(end(b"HTTP/1.1 200 OK\n\r", 0), None);
    }

    fn framing(fields: &str) -> Result<(Framing, bool), String> {
        let section = parse(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), false)?.unwrap();
        Ok((section.framing, section.keep))
    }

    #[test]
    fn r13_framing_is_taken_only_where_it_is_clear() {
        let chunked = Framing::chunked();
        for (fields, expected) in [
            ("content-length: 5\r\n", Some((Framing::Length(5), true))),
            ("content-length: 5\r\ncontent-length: 5\r\n", Some((Framing::Length(5), true))),
            ("content-length: 5, 5\r\n", Some((Framing::Length(5), true))),
            ("content-length: 5\r\nconnection: x, Close\r\n", Some((Framing::Length(5), false))),
            ("transfer-encoding: Chunked\r\n", Some((chunked.clone(), true))),
            ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", Some((chunked, false))),
            ("", Some((Framing::UntilClose, false))),
            ("content-length: 5\r\ncontent-length: 6\r\n", None),
            ("content-length: +5\r\n", None),
            ("content-length: 0x5\r\n", None),
            ("content-length: \r\n", None),
            ("content-length: 5,\r\n", None),
            ("content-length: 5\u{85}\r\n", None),
            ("content-length: \u{a0}5\r\n", None),
            ("content-length: 99999999999999999999\r\n", None),
            ("transfer-encoding: gzip\r\n", None),
            ("transfer-encoding: gzip, chunked\r\n", None),
            ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", None),
            ("transfer-encoding: identity\r\n", None),
            ("transfer-encoding: \r\n", None),
            ("a : b\r\n", None),
            ("a: b\r\n c\r\n", None),
        ] {
            assert_eq!(framing(fields).ok(), expected, "{fields}");
        }
    }

    #[test]
    fn old_versions_are_kept_only_when_they_say_so() {
        let keep = |text: &str| parse(text.as_bytes(), false).unwrap().unwrap().keep;
        assert!(!keep("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n"));
        assert!(keep("HTTP/1.0 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\n"));
        assert!(parse(b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false).is_err());
    }

    #[test]
    fn some_answers_have_no_body_whatever_they_say() {
        for (status, bodiless) in [(204, false), (304, false), (200, true)] {
            let text = format!("HTTP/1.1 {status} x\r\ncontent-length: 5\r\n\r\n");
            assert_eq!(
                parse(text.as_bytes(), bodiless).unwrap().unwrap().framing,
                Framing::Length(0),
                "{status}"
            );
        }
    }

    #[test]
    fn only_a_real_answer_is_one() {
        assert!(parse(b"HTTP/1.1 100 Continue\r\n\r\n", false).unwrap().is_none());
        assert!(parse(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n", false).unwrap().is_none());
        for text in
            ["HTTP/1.1 101 x\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "HTTP/2 200\r\n\r\n", "hello\r\n\r\n"]
        {
            assert!(parse(text.as_bytes(), false).is_err(), "{text}");
        }
    }

    #[test]
    fn many_fields_are_read_and_a_flood_is_not() {
        let text = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
        for count in [USUAL_FIELDS, USUAL_FIELDS + 1, MOST_FIELDS] {
            let section = parse(text(count).as_bytes(), false).unwrap().unwrap();
            assert_eq!(section.head.headers, [("a".to_owned(), ["b"].repeat(count).join(", "))]);
        }
        assert!(parse(text(MOST_FIELDS + 1).as_bytes(), false).is_err());
    }
}
