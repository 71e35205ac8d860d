//! What has the shape of a token or key is masked in texts that upstream wrote.
//!
//! `copilot_api.redaction.redact_tokens` is the specification; in this order, at each place of a text:
//! GitHub's tokens and our own keys by how they begin, Copilot's `tid=…`, what follows `bearer`, keys that begin
//! with `sk-`, and GitHub's tokens of old: 40 hex digits.

use std::borrow::Cow;

/// What stands in the place of a secret.
pub const MASK: &str = "[redacted]";

/// Characters that a secret has at least after its beginning.
const SHORTEST: usize = 8;

/// Characters of an authorization value at least.
const SHORTEST_VALUE: usize = 6;

/// Hex digits of a GitHub token of before 2021.
const DIGITS: usize = 40;

/// Returns `text` with everything that looks like a token or key replaced by [`MASK`].
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    // `kept` is where what is not copied yet begins; `at` is the place that is looked at.
    let (mut kept, mut at) = (0, 0);
    while at < text.len() {
        let length = secret_at(text, at);
        if length == 0 {
            at += 1;
            continue;
        }
        clean.push_str(text.get(kept..at).unwrap_or_default());
        clean.push_str(MASK);
        at += length;
        kept = at;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(clean)
}

/// Bytes of the secret that begins at `at`, 0 if there is none.
fn secret_at(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let rest = bytes.get(at..).unwrap_or_default();
    let value = |from: usize, least: usize, is_part: fn(u8) -> bool| {
        let part = rest.get(from..).unwrap_or_default();
        let length = part.iter().position(|&byte| !is_part(byte)).unwrap_or(part.len());
        if length < least { 0 } else { from + length }
    };
    let named = match rest {
        [b'g', b'h', kind, b'_', ..] if kind.is_ascii_lowercase() => value(4, SHORTEST, is_of_token),
        [b'g', ..] if rest.starts_with(b"github_pat_") => value(11, SHORTEST, is_of_token),
        [b'c', b'a', b'k', b'_', ..] => value(4, SHORTEST, is_of_token),
        [b't', b'i', b'd', b'=', ..] => value(4, 1, is_of_list),
        _ => 0,
    };
    if named > 0 {
        return named;
    }
    let before = bytes.get(..at).unwrap_or_default();
    if before.last() == Some(&b' ') && text.is_char_boundary(at) && is_announced(before) {
        // Characters are counted, as the specification does; what is no ASCII is part of a value.
        let part = text.get(at..).unwrap_or_default();
        let end = part.bytes().position(|byte| !is_of_value(byte)).unwrap_or(part.len());
        if part.get(..end).unwrap_or_default().chars().count() >= SHORTEST_VALUE {
            return end;
        }
    }
    let last = before.last().copied().unwrap_or(b' ');
    // In JSON the letter of an escape is no part of the word after it.
    let escape = matches!(before, [.., b'\\', b'n' | b'r' | b't']);
    if rest.starts_with(b"sk-") && (escape || !is_of_key(last)) {
        return value(3, SHORTEST, is_of_key);
    }
    if is_word(last) && !escape {
        return 0;
    }
    let digits = value(0, DIGITS, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits == DIGITS && !rest.get(DIGITS).is_some_and(|&byte| is_word(byte)) { DIGITS } else { 0 }
}

/// Whether a text ends in what announces an authorization value.
fn is_announced(before: &[u8]) -> bool {
    let ends = |word: &[u8]| {
        before
            .len()
            .checked_sub(word.len())
            .and_then(|from| before.get(from..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    ends(b"bearer ") || ends(b"authorization: token ") || ends(b"authorization: basic ")
}

const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

const fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_of_list(byte: u8) -> bool {
    !matches!(byte, 0..=b' ' | b'"' | b'\'' | b'\\')
}

const fn is_of_value(byte: u8) -> bool {
    is_of_list(byte) && byte != b','
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r08_each_shape_is_masked_and_what_is_around_it_stays() {
        let long = "0123456789abcdef0123456789abcdef01234567";
        for (text, expected) in [
            ("a ghu_abcdefgh1 b", "a [redacted] b"),
            ("ghs_x.y-z_1234 gho_short", "[redacted] gho_short"),
            ("x\\ngithub_pat_abcdefgh\"", "x\\n[redacted]\""),
            ("key cak_AbC-d_e12", "key [redacted]"),
            ("{\"t\":\"tid=a;exp=1:ü\\\"}", "{\"t\":\"[redacted]\\\"}"),
            ("Authorization: Bearer abcdef, x", "Authorization: Bearer [redacted], x"),
            ("authorization: TOKEN äöüäöü", "authorization: TOKEN [redacted]"),
            ("bearer short", "bearer short"),
            ("sk-abcdefgh ask-abcdefgh", "[redacted] ask-abcdefgh"),
            (long, MASK),
            ("\\nsk-abcdefgh nsk-abcdefgh", "\\n[redacted] nsk-abcdefgh"),
            ("nothing, in ünï code", "nothing, in ünï code"),
        ] {
            assert_eq!(redact(text), expected);
        }
        for text in [format!("{long}8"), format!("_{long}"), format!("{long}_"), long[1..].to_owned()] {
            assert_eq!(redact(&text), text);
        }
    }

    proptest! {
        #[test]
        fn r08_no_text_makes_it_fail_and_no_beginning_of_a_token_is_left(
            text in "(ghu_|tid=|bearer |cak_|sk-|[a-f0-9]{1,45}|.){0,12}",
        ) {
            let clean = redact(&text).into_owned();
            for (start, _) in clean.match_indices("ghu_").chain(clean.match_indices("cak_")) {
                let rest = &clean.as_bytes()[start + 4..];
                prop_assert!(rest.iter().take_while(|&&byte| is_of_token(byte)).count() < SHORTEST, "{clean}");
            }
            for (start, _) in clean.match_indices("tid=") {
                prop_assert!(!clean.as_bytes().get(start + 4).is_some_and(|&byte| is_of_list(byte)), "{clean}");
            }
        }
    }
}
