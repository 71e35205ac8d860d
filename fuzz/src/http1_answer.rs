//! An answer over HTTP/1.1: what the client reads is what a simple reader of the whole text says, however the bytes
//! were cut.

use copilot_net::fuzzing::{Answered, read_answer};
use httparse::{EMPTY_HEADER, Response, Status};

use crate::{
    choice,
    chunked::{self, End, Strictness},
    cut,
};

/// What the oracle says of an answer.
struct Expected {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    whole: bool,
    reused: bool,
}

pub fn target(data: &[u8]) {
    let (options, data) = choice(data);
    let (seed, data) = choice(data);
    let method = if options & 1 > 0 { "HEAD" } else { "GET" };
    let limit = if options & 2 > 0 { 64 } else { 1 << 20 };
    let read = |pieces: &[&[u8]]| read_answer(method, pieces, limit);
    let whole = if data.is_empty() { read(&[]) } else { read(&[data]) };
    for seed in [0, seed] {
        assert_eq!(read(&cut(data, seed)), whole, "cut by {seed}");
    }
    compare(&whole, expected(data, method == "HEAD", limit));
}

fn compare(read: &Answered, expected: Option<Expected>) {
    let Some(expected) = expected else {
        assert!(read.head.is_err(), "no answer, but the client has {read:?}");
        return;
    };
    assert_eq!(read.head.as_ref(), Ok(&(expected.status, expected.fields)));
    assert_eq!(read.body, expected.body);
    assert_eq!(read.end.is_ok(), expected.whole, "{:?}", read.end);
    assert_eq!(read.reused, expected.reused);
}

/// Reads the whole text; None where there is no answer.
fn expected(mut data: &[u8], is_head: bool, mut limit: usize) -> Option<Expected> {
    loop {
        let end = (1..=data.len()).find(|end| {
            let section = &data[..*end];
            section.ends_with(b"\n\n") || section.ends_with(b"\n\r\n")
        })?;
        limit = limit.checked_sub(end)?;
        let mut fields = vec![EMPTY_HEADER; 1024];
        let mut response = Response::new(&mut fields);
        // It sees what follows too: a section must not end at two places.
        if response.parse(data) != Ok(Status::Complete(end)) {
            return None;
        }
        data = &data[end..];
        match response.code? {
            101 | ..100 => return None,
            102..200 | 100 => {}
            _ => return answer(&response, data, is_head),
        }
    }
}

fn answer(response: &Response<'_, '_>, data: &[u8], is_head: bool) -> Option<Expected> {
    let (status, minor) = (response.code?, response.version?);
    let utf8 = response.headers.iter().all(|field| str::from_utf8(field.value).is_ok());
    let text = |value: &[u8]| match str::from_utf8(value) {
        Ok(text) if utf8 => text.to_owned(),
        _ => value.iter().map(|byte| char::from(*byte)).collect(),
    };
    let mut fields: Vec<(String, String)> = Vec::new();
    for field in response.headers.iter() {
        let name = field.name.to_ascii_lowercase();
        if fields.iter().all(|(known, _)| *known != name) {
            let same = response.headers.iter().filter(|other| other.name.eq_ignore_ascii_case(&name));
            let joined = same.map(|field| text(field.value)).collect::<Vec<_>>().join(", ");
            fields.push((name, joined));
        }
    }
    let value = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value);
    let list = |value: &str| -> Vec<String> {
        value.split(',').map(|token| token.trim_matches([' ', '\t']).to_ascii_lowercase()).collect()
    };
    let connection = list(value("connection").unwrap_or_default());
    let says = |wanted: &str| connection.iter().any(|token| token == wanted);
    let keep = !says("close") && (minor == 1 || says("keep-alive"));
    let (transfer_encoding, content_length) = (value("transfer-encoding"), value("content-length"));
    let (body, whole, reused) = if is_head || matches!(status, 204 | 304) {
        (Vec::new(), true, keep && data.is_empty())
    } else if let Some(encoding) = transfer_encoding {
        if minor == 0 || !encoding.eq_ignore_ascii_case("chunked") {
            return None;
        }
        let (body, end) = chunked::decode(data, Strictness::Answer);
        let clear = content_length.is_none();
        (body, matches!(end, End::Whole(_)), keep && clear && end == End::Whole(data.len()))
    } else if let Some(length) = content_length {
        let values = list(length);
        let length = values.first().filter(|first| first.bytes().all(|byte| byte.is_ascii_digit()))?;
        if values.iter().any(|value| value != length) {
            return None;
        }
        let length = usize::try_from(length.parse::<u64>().ok()?).ok()?;
        (data[..length.min(data.len())].to_vec(), data.len() >= length, keep && data.len() == length)
    } else {
        (data.to_vec(), true, false)
    };
    Some(Expected { status, fields, body, whole, reused })
}
