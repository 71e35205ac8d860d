//! The escapes of JSON strings.

use std::borrow::Cow;

/// One step through the inside of a string.
enum Piece<'a> {
    /// Text without an escape.
    Plain(&'a str),
    /// An escaped character.
    Character(char),
    /// Half of a surrogate pair without the other half.
    Lone(u16),
}

/// Steps through the inside of a string that a [`super::Document`] accepted.
struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let at = self.rest.find('\\').unwrap_or(self.rest.len());
        if at > 0 {
            let (plain, rest) = self.rest.split_at(at);
            self.rest = rest;
            return Some(Piece::Plain(plain));
        }
        let mut characters = self.rest.chars();
        characters.next()?;
        let kind = characters.next()?;
        self.rest = characters.as_str();
        Some(match kind {
            'b' => Piece::Character('\u{8}'),
            'f' => Piece::Character('\u{c}'),
            'n' => Piece::Character('\n'),
            'r' => Piece::Character('\r'),
            't' => Piece::Character('\t'),
            'u' => self.code_unit(),
            other => Piece::Character(other),
        })
    }
}

impl Pieces<'_> {
    fn hex(text: &str) -> Option<u16> {
        u16::from_str_radix(text.get(..4)?, 16).ok()
    }

    fn code_unit(&mut self) -> Piece<'static> {
        let first = Self::hex(self.rest).unwrap_or_default();
        self.rest = self.rest.get(4..).unwrap_or_default();
        if let Some(character) = char::from_u32(u32::from(first)) {
            return Piece::Character(character);
        }
        if first < 0xdc00
            && let Some(second) = self.rest.strip_prefix("\\u").and_then(Self::hex)
            && (0xdc00..0xe000).contains(&second)
        {
            let pair = char::decode_utf16([first, second]).next().and_then(Result::ok);
            if let Some(character) = pair {
                self.rest = self.rest.get(6..).unwrap_or_default();
                return Piece::Character(character);
            }
        }
        Piece::Lone(first)
    }
}

/// Returns the text of a string. A lone surrogate, which no text can hold, becomes U+FFFD.
#[must_use]
pub fn unescape(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = String::with_capacity(inside.len());
    for piece in (Pieces { rest: inside }) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Character(character) => out.push(character),
            Piece::Lone(_) => out.push('\u{fffd}'),
        }
    }
    Cow::Owned(out)
}

/// Returns the text of a string that holds JSON itself; a lone surrogate becomes its escape, so that the
/// JSON can be read.
pub(crate) fn unescape_json(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = String::with_capacity(inside.len());
    for piece in (Pieces { rest: inside }) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Character(character) => out.push(character),
            Piece::Lone(unit) => push_lone(&mut out, unit),
        }
    }
    Cow::Owned(out)
}

/// The code points of the text of a string, lone surrogates among them.
pub(crate) fn code_points(inside: &str) -> impl Iterator<Item = u32> {
    Pieces { rest: inside }.flat_map(|piece| {
        let (text, one) = match piece {
            Piece::Plain(text) => (text, None),
            Piece::Character(character) => ("", Some(u32::from(character))),
            Piece::Lone(unit) => ("", Some(u32::from(unit))),
        };
        text.chars().map(u32::from).chain(one)
    })
}

/// Returns the inside of a string with canonical escapes.
pub(crate) fn canonical(inside: &str) -> String {
    let mut out = String::with_capacity(inside.len());
    for piece in (Pieces { rest: inside }) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Character(character) => push_escaped(&mut out, character),
            Piece::Lone(unit) => push_lone(&mut out, unit),
        }
    }
    out
}

fn push_lone(out: &mut String, unit: u16) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        out.push(char::from_digit(u32::from(unit >> shift) & 15, 16).unwrap_or('0'));
    }
}

fn push_escaped(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..' ' => push_lone(out, u16::try_from(u32::from(character)).unwrap_or_default()),
        _ => out.push(character),
    }
}

/// Returns text as the inside of a string.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let first = super::scan::first_special(bytes);
    if first == bytes.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    loop {
        let at = super::scan::first_special(rest.as_bytes());
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut characters = special.chars();
        let Some(character) = characters.next() else {
            return Cow::Owned(out);
        };
        push_escaped(&mut out, character);
        rest = characters.as_str();
    }
}

/// Appends canonical JSON text as the inside of a string.
///
/// A lone surrogate, escaped in the JSON, stays the escape of one code unit: so does the reference, for which
/// it is one character of the text.
pub fn escape_json_text(out: &mut String, json: &str) {
    let mut rest = json;
    loop {
        let at = super::scan::first_special(rest.as_bytes());
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut characters = special.chars();
        let Some(character) = characters.next() else {
            return;
        };
        rest = characters.as_str();
        if character != '\\' {
            push_escaped(out, character);
            continue;
        }
        let after = rest.as_bytes();
        if after.starts_with(b"ud") && matches!(after.get(2), Some(b'8' | b'9' | b'a'..=b'f')) {
            out.push('\\');
            continue;
        }
        // The escaped character goes along, so that a backslash does not start another escape.
        out.push_str("\\\\");
        if let Some(escaped) = characters.next() {
            push_escaped(out, escaped);
            rest = characters.as_str();
        }
    }
}

/// Returns the inside of a canonical string without the white space at its start, in Unicode's sense.
#[must_use]
pub fn trim_start(inside: &str) -> &str {
    let mut rest = inside;
    loop {
        let trimmed = rest.trim_start();
        let next = ["\\n", "\\r", "\\t", "\\f", "\\u000b", "\\u001c", "\\u001d", "\\u001e", "\\u001f"]
            .iter()
            .find_map(|escaped| trimmed.strip_prefix(escaped))
            .unwrap_or(trimmed);
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::{canonical, escape, escape_json_text, trim_start, unescape};

    #[test]
    fn escapes_become_canonical() {
        for (inside, expected) in [
            (r"plain é", "plain é"),
            (r"\u00e9\/\u000A\u001F\u0022", "é/\\n\\u001f\\\""),
            (r"\ud83d\ude00", "😀"),
            (r"\uD83D\ud83d\ude00", "\\ud83d😀"),
            (r"\udc00\u0041", "\\udc00A"),
            (r"\ud800", "\\ud800"),
        ] {
            assert_eq!(canonical(inside), expected);
        }
        assert_eq!(unescape(r"a\n\ud800\u0041"), "a\n\u{fffd}A");
        assert_eq!(escape("a\"b\\\n\u{1}é"), "a\\\"b\\\\\\n\\u0001é");
    }

    #[test]
    fn json_goes_into_a_string() {
        let mut out = String::new();
        escape_json_text(&mut out, r#"{"a":"\n\\ud800 \ud800 \""}"#);
        assert_eq!(out, r#"{\"a\":\"\\n\\\\ud800 \ud800 \\\"\"}"#);
    }

    #[test]
    fn white_space_is_trimmed_in_its_escapes() {
        assert_eq!(trim_start("\\n \\t\u{a0}\\u001fx\\n"), "x\\n");
        assert_eq!(trim_start("\\\\n"), "\\\\n");
    }
}
