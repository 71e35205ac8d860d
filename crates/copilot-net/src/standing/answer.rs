//! The head of an answer, as `gateway/answer.py` and `http/application.py` write it.

use copilot_core::redaction::redact;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    response::Parts,
};

/// Headers of an upstream answer that a client gets (`copilot/errors.py`).
const PASSED: [HeaderName; 7] = [
    RETRY_AFTER,
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("x-ratelimit-exceeded"),
    REQUEST_ID,
    HeaderName::from_static("x-github-request-id"),
];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REWRITES: HeaderName = HeaderName::from_static("x-copilot-api-rewrites");

/// Bytes of a value that is passed on.
const LONGEST_VALUE: usize = 1024;

/// Bytes of the header that tells of changes (`gateway/rewrites.py`).
const LONGEST_NOTE: usize = 1024;
const LONGEST_REWRITE: usize = 200;

/// Writes the head of an answer, of a stream without `length`; also returns the id that upstream gave. None for what
/// is no header.
pub(super) fn head(
    upstream: &[(String, String)],
    noted: &str,
    length: Option<usize>,
    id: &str,
) -> Option<(Parts, String)> {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = StatusCode::OK;
    let headers = &mut head.headers;
    if length.is_some() {
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else {
        headers.append(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.append(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.append(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    }
    let mut upstream_id = String::new();
    for name in PASSED {
        let Some((_, value)) = upstream.iter().find(|(known, _)| *known == name.as_str()) else { continue };
        let is_plain = value.len() <= LONGEST_VALUE && value.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        if !is_plain {
            continue;
        }
        let value = redact(value);
        headers.append(&name, HeaderValue::from_str(&value).ok()?);
        if name == REQUEST_ID {
            upstream_id = value.into_owned();
        }
    }
    let has_id = headers.contains_key(REQUEST_ID);
    if !noted.is_empty() {
        headers.append(REWRITES, HeaderValue::from_str(noted).ok()?);
    }
    if let Some(length) = length {
        headers.append(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if !has_id {
        headers.append(REQUEST_ID, HeaderValue::from_str(id).ok()?);
    }
    Some((head, upstream_id))
}

/// Returns changes as a header's value: ASCII, bounded, the rest counted.
pub(super) fn note<'r>(rewrites: impl ExactSizeIterator<Item = &'r String>) -> String {
    let count = rewrites.len();
    let mut value = String::new();
    for (number, rewrite) in rewrites.enumerate() {
        let plain = |each| if matches!(each, ' '..='~') { each } else { '?' };
        let text: String =
            rewrite.chars().map(plain).take(LONGEST_REWRITE).collect::<String>().replace(';', ",");
        let joined = if value.is_empty() { text } else { format!("{value}; {text}") };
        if joined.len() > LONGEST_NOTE - 16 {
            return format!("{value}; {} more", count - number);
        }
        value = joined;
    }
    value
}

/// Whether a change lost something.
pub(super) fn is_lossy(rewrite: &str) -> bool {
    rewrite.starts_with("dropped ") || rewrite.starts_with("left out ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::*;

    fn fields(head: &Parts) -> Vec<(&str, &str)> {
        head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn upstream_passes_what_is_listed_plain_and_without_tokens() {
        let upstream = [
            ("x-ratelimit-limit", "5"),
            ("set-cookie", "a=b"),
            ("retry-after", "gho_MarkMark12"),
            ("x-ratelimit-reset", "\u{e9}"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (made, upstream_id) = head(&upstream, "renamed", Some(3), "own").unwrap();
        let expected = [
            ("content-type", "application/json"),
            ("retry-after", "[redacted]"),
            ("x-ratelimit-limit", "5"),
            ("x-copilot-api-rewrites", "renamed"),
            ("content-length", "3"),
            ("x-request-id", "own"),
        ];
        assert_eq!(fields(&made), expected);
        assert_eq!(upstream_id, "");
        let upstream = [("x-request-id".to_owned(), "theirs".to_owned())];
        let (made, upstream_id) = head(&upstream, "", Some(0), "own").unwrap();
        let expected =
            [("content-type", "application/json"), ("x-request-id", "theirs"), ("content-length", "0")];
        assert_eq!(fields(&made), expected);
        assert_eq!(upstream_id, "theirs");
    }

    #[test]
    fn changes_are_noted_in_ascii_and_bounded() {
        let given = ["model a -> b; c".to_owned(), "\u{e9}\n".to_owned()];
        assert_eq!(note(given.iter()), "model a -> b, c; ??");
        let many = vec!["x".repeat(300); 9];
        let noted = note(many.iter());
        assert!(noted.ends_with("; 4 more"), "{noted}");
        assert_eq!(note([].iter()), "");
    }
}
