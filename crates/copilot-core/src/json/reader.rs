//! Reads one JSON document (RFC 8259, strictly).

use std::borrow::Cow;

use super::value::{Object, Value};

/// Containers inside each other that a document may have.
pub const DEEPEST: usize = 128;

/// Why a text is no JSON document for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The syntax is wrong, or something follows the document.
    #[error("is not JSON")]
    Syntax,
    /// More than [`DEEPEST`] containers are inside each other.
    #[error("is nested too deeply")]
    TooDeep,
}

type Result<T> = std::result::Result<T, ReadError>;

/// Reads a document.
///
/// # Errors
///
/// [`ReadError`], which does not say where: no part of a prompt gets into a message.
pub fn read(text: &str) -> Result<Value<'_>> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.skip_white_space();
    if reader.at < text.len() { Err(ReadError::Syntax) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    /// The next byte; between two calls it starts a character.
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Skips white space, then takes `byte` if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.takes(byte) { Ok(()) } else { Err(ReadError::Syntax) }
    }

    fn value(&mut self) -> Result<Value<'a>> {
        self.skip_white_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value<'a>>) -> Result<Value<'a>> {
        if self.depth == DEEPEST {
            return Err(ReadError::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value<'a>> {
        let mut members = Vec::new();
        if self.takes(b'}') {
            return Ok(Value::Object(Object::default()));
        }
        loop {
            self.skip_white_space();
            let name = self.string()?;
            self.expect(b':')?;
            members.push((name, self.value()?));
            if self.takes(b'}') {
                return Ok(Value::Object(Object::new(members)));
            }
            self.expect(b',')?;
        }
    }

    fn list(&mut self) -> Result<Value<'a>> {
        let mut items = Vec::new();
        if self.takes(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.takes(b']') {
                return Ok(Value::List(items));
            }
            self.expect(b',')?;
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(ReadError::Syntax);
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value<'a>> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        text.parse().map(Value::Number).map_err(|_| ReadError::Syntax)
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(ReadError::Syntax) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(ReadError::Syntax);
        }
        self.at += 1;
        let first = self.plain()?;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(first));
        }
        let mut text = first.to_owned();
        loop {
            self.at += 1;
            if self.text.as_bytes().get(self.at - 1) == Some(&b'"') {
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
            text.push_str(self.plain()?);
        }
    }

    /// The text up to the next quotation mark or backslash, one of which follows.
    fn plain(&mut self) -> Result<&'a str> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
        let end = self.at + length.ok_or(ReadError::Syntax)?;
        let text = self.text.get(self.at..end).ok_or(ReadError::Syntax)?;
        self.at = end;
        if self.peek() < Some(b' ') { Err(ReadError::Syntax) } else { Ok(text) }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char> {
        let kind = self.peek().ok_or(ReadError::Syntax)?;
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex(self.at).ok_or(ReadError::Syntax)?;
                self.at += 4;
                self.code_point(unit)
            }
            _ => return Err(ReadError::Syntax),
        })
    }

    /// The character of a UTF-16 unit, together with the next one where they are a pair of surrogates.
    fn code_point(&mut self, unit: u16) -> char {
        let follows = self.text.as_bytes().get(self.at..).unwrap_or_default().starts_with(b"\\u");
        let second = if follows { self.hex(self.at + 2) } else { None };
        let pair = second.and_then(|second| char::decode_utf16([unit, second]).next()?.ok());
        if let Some(character) = char::from_u32(unit.into()) {
            return character;
        }
        self.at += if pair.is_some() { 6 } else { 0 };
        pair.unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 4)?;
        // `from_str_radix` would take a sign.
        let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        all_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    }
}
