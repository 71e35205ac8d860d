//! Reads of a header section what decides where a request ends and whom it is for.

use std::ops::Range;

use http::Uri;
use memchr::{memchr, memrchr};

use super::{
    options::{FIELDS, TARGET},
    refusal::Refusal,
};

/// What matters of a head.
#[derive(Default)]
pub(super) struct Head<'a> {
    /// What is behind the lines that were read.
    pub(super) rest: &'a [u8],
    /// Of all bytes that were given to read.
    size: usize,
    /// Lines that were read.
    line: usize,
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    is_http_10: bool,
    pub(super) length: Option<u64>,
    /// Where the digits of the length are.
    pub(super) length_at: Range<usize>,
    pub(super) is_chunked: bool,
    pub(super) has_expectation: bool,
    host: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        // One blank line is left over from clients that end a body with it.
        let rest = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        Self { rest, size: bytes.len(), ..Self::default() }
    }

    /// Reads the lines, and returns whether the last one was among them.
    pub(super) fn read(&mut self) -> Result<bool, Refusal> {
        while let Some(end) = memchr(b'\n', self.rest) {
            let (line, behind) = self.rest.split_at(end);
            let Some((b'\r', line)) = line.split_last() else {
                return Err(Refusal::Malformed("A line of the header section ends in a bare line feed."));
            };
            self.rest = behind.get(1..).unwrap_or_default();
            match (self.line, line) {
                (0, []) => return Err(Refusal::Malformed("There are blank lines before the request.")),
                (0, line) => self.request_line(line),
                (_, []) => return Ok(true),
                (line, _) if line > FIELDS => return Err(Refusal::HeaderTooLarge),
                (_, line) => self.field(line)?,
            }
            self.line += 1;
        }
        Ok(false)
    }

    fn request_line(&mut self, line: &'a [u8]) {
        let (method, behind) = memchr(b' ', line).map_or((line, &b""[..]), |end| line.split_at(end));
        let (target, version) = memrchr(b' ', behind).map_or((behind, &b""[..]), |end| behind.split_at(end));
        self.method = method;
        self.target = target.strip_prefix(b" ").unwrap_or(target);
        self.is_http_10 = version == b" HTTP/1.0";
    }

    fn field(&mut self, line: &'a [u8]) -> Result<(), Refusal> {
        // The colon's place tells nearly all other names apart without reading them. A name with a blank before
        // its colon is none of these, and hyper refuses it.
        if let Some(value) = value(line, b"host") {
            if self.host.replace(value).is_some() {
                return Err(Refusal::Malformed("There is more than one Host field."));
            }
        } else if let Some(value) = value(line, b"content-length") {
            let length = digits(value).ok_or(Refusal::Malformed("The Content-Length is not a length."))?;
            if self.length.replace(length).is_some() {
                return Err(Refusal::Malformed("There is more than one Content-Length."));
            }
            // Behind the value come its trailing blanks, and behind the line what is left.
            let trailing = line.len() - trimmed_end(line).len();
            let end = self.size - self.rest.len() - 2 - trailing;
            self.length_at = end - value.len()..end;
        } else if let Some(value) = value(line, b"transfer-encoding") {
            if self.is_http_10 || self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::Malformed("The Transfer-Encoding is other than chunked."));
            }
            self.is_chunked = true;
        } else if let Some(value) = value(line, b"connection") {
            if !is_list_of_tokens(value) {
                return Err(Refusal::Malformed("The Connection field is not a list of tokens."));
            }
        } else if value(line, b"expect").is_some() {
            self.has_expectation = true;
        }
        Ok(())
    }

    /// Checks what only all fields together tell.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.is_chunked && self.length.is_some() {
            return Err(Refusal::Malformed("There are both Content-Length and Transfer-Encoding."));
        }
        if self.host.is_none() && !self.is_http_10 {
            return Err(Refusal::Malformed("The Host field is missing."));
        }
        if self.method == b"CONNECT" {
            return Err(Refusal::Connect);
        }
        if self.target.len() > TARGET {
            return Err(Refusal::TargetTooLong);
        }
        if self.target.starts_with(b"/") { Ok(()) } else { check_url(self.target, self.host) }
    }
}

/// Returns the value of a field of this name, which is in lower case.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, behind) = line.split_at_checked(name.len())?;
    let value = behind.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then(|| trimmed(value))
}

/// Without the blanks that may stand around a value, and no other white space.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    trimmed_end(value)
}

fn trimmed_end(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether a value is a list as RFC 9110 has it, in sections 5.6.1.2, 5.6.2 and 7.6.1: elements may be empty.
fn is_list_of_tokens(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').all(|element| trimmed(element).iter().all(|byte| is_of_token(*byte)))
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
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

/// A target that is no path has to be a URL of the host that Host names, or `*`.
fn check_url(target: &[u8], host: Option<&[u8]>) -> Result<(), Refusal> {
    if target == b"*" {
        return Ok(());
    }
    let uri = Uri::try_from(target).map_err(|_| Refusal::Malformed("The address is malformed."))?;
    match (uri.scheme(), uri.authority(), host) {
        (None, ..) | (_, None, _) => Err(Refusal::Malformed("The address is neither a path nor a URL.")),
        (_, Some(authority), Some(host)) if !authority.as_str().as_bytes().eq_ignore_ascii_case(host) => {
            Err(Refusal::Malformed("The address and the Host field name different hosts."))
        }
        _ => Ok(()),
    }
}
