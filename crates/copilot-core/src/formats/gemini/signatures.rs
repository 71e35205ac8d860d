//! Reasoning carriers as `thoughtSignature`: base64 of the tagged ones, a line each.

use std::borrow::Cow;

use crate::{
    canonical::Reasoning,
    carriers,
    text::{escape, unescape_json},
};

/// What Google takes where there is no signature; gemini-cli fills it in by itself (upstream.md 10.4).
const BLANK: [&str; 2] = ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];
const REDACTED: &str = "redacted ";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The signature for the carriers of an answer, in order: each with whether there is no text to it.
pub(super) fn write<'c>(carriers: impl Iterator<Item = (&'c str, bool)>) -> String {
    let mut text = String::new();
    for (carrier, redacted) in carriers.filter(|(carrier, _)| !carrier.is_empty()) {
        for part in [if text.is_empty() { "" } else { "\n" }, if redacted { REDACTED } else { "" }] {
            text.push_str(part);
        }
        text.push_str(&unescape_json(carrier));
    }
    encode(text.as_bytes())
}

/// The carriers of a signature; `None` when this gateway did not write it.
pub(super) fn read(signature: &str) -> Option<Vec<Reasoning<'static>>> {
    if BLANK.contains(&signature) {
        return Some(Vec::new());
    }
    let text = String::from_utf8(decode(&standard(signature)?)).ok()?;
    if BLANK.contains(&&*text) {
        return Some(Vec::new());
    }
    text.split('\n')
        .map(|line| {
            let carrier = line.strip_prefix(REDACTED);
            let redacted = carrier.is_some();
            let carrier = carrier.unwrap_or(line);
            carriers::read(carrier)?;
            let carrier = Cow::Owned(escape(carrier).into_owned());
            Some(Reasoning { carrier, redacted, ..Reasoning::default() })
        })
        .collect()
}

/// Base64 of either alphabet, padded or not, as the standard one with padding; `None` for anything else.
pub(super) fn standard(data: &str) -> Option<Cow<'_, str>> {
    let bare = data.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    if bare.len() % 4 == 1 || !bare.bytes().all(is_digit) {
        return None;
    }
    let padding = (4 - bare.len() % 4) % 4;
    if data.len() == bare.len() + padding && !bare.contains(['-', '_']) {
        return Some(Cow::Borrowed(data));
    }
    let mut out = bare.replace('-', "+").replace('_', "/");
    out.extend(std::iter::repeat_n('=', padding));
    Some(Cow::Owned(out))
}

/// Decodes what [`standard`] gave; bits after the last byte are not looked at.
pub(super) fn decode(standard: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(standard.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in standard.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    out
}

fn encode(data: &[u8]) -> String {
    let mut out = String::with_capacity(data.len().div_ceil(3) * 4);
    for chunk in data.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let place = (bits >> (18 - 6 * digit) & 63) as usize;
            let character = ALPHABET.get(place).filter(|_| digit <= chunk.len());
            out.push(character.map_or('=', |byte| char::from(*byte)));
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{decode, encode, read, standard, write};

    #[test]
    fn base64_there_and_back() {
        for (data, text) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("abcd", "YWJjZA==")] {
            assert_eq!(encode(data.as_bytes()), text);
            assert_eq!(decode(&standard(text).unwrap()), data.as_bytes());
            assert_eq!(standard(text.trim_end_matches('=')).unwrap(), text);
        }
        assert_eq!(standard("_-8").unwrap(), "/+8=");
        assert_eq!(standard("AAAA=").unwrap(), "AAAA");
        for wrong in ["A", "AAAAA", "AA AA", "é", "A=A=", "\\/"] {
            assert_eq!(standard(wrong), None);
        }
    }

    #[test]
    fn carriers_there_and_back() {
        let carriers =
            [("copilot-api:chat:m:a\\\"b", false), ("", false), ("copilot-api:messages:n:é", true)];
        let signature = write(carriers.into_iter());
        let found = read(&signature).unwrap();
        let found: Vec<_> = found.iter().map(|found| (&*found.carrier, found.redacted)).collect();
        assert_eq!(found, [carriers[0], carriers[2]]);
        assert_eq!(write(std::iter::empty()), "");
        assert!(read("c2ln").is_none());
        assert!(read("skip_thought_signature_validator").unwrap().is_empty());
    }
}
