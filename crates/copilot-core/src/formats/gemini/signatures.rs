//! Reasoning carriers as `thoughtSignature`: base64 of the tagged ones, a line each.

use std::borrow::Cow;

use crate::{
    base64_text,
    canonical::Reasoning,
    carriers,
    text::{escape, unescape_json},
};

/// What Google takes where there is no signature; gemini-cli fills it in by itself (upstream.md 10.4).
const BLANK: [&str; 2] = ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];
const REDACTED: &str = "redacted ";

/// The signature for the carriers of an answer, in order: each with whether there is no text to it.
pub(super) fn write<'c>(carriers: impl Iterator<Item = (&'c str, bool)>) -> String {
    let mut text = String::new();
    for (carrier, redacted) in carriers.filter(|(carrier, _)| !carrier.is_empty()) {
        for part in [if text.is_empty() { "" } else { "\n" }, if redacted { REDACTED } else { "" }] {
            text.push_str(part);
        }
        text.push_str(&unescape_json(carrier));
    }
    base64_text::encode(text.as_bytes())
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
    let is_digit = |byte| base64_text::is_digit(byte) || matches!(byte, b'-' | b'_');
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

/// Decodes what [`standard`] gave.
pub(super) fn decode(standard: &str) -> Vec<u8> {
    base64_text::decode(standard.trim_end_matches('=')).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{base64_text, decode, read, standard, write};

    #[test]
    fn base64_there_and_back() {
        for (data, text) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("abcd", "YWJjZA==")] {
            assert_eq!(base64_text::encode(data.as_bytes()), text);
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
