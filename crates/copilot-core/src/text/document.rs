//! The index over a document: one small token for each value and member name, no tree.

use std::{borrow::Cow, collections::HashSet};

use super::{
    escape::{canonical, unescape},
    scan::{Specials, is_space, skip_spaces},
};

/// Containers inside each other that a document may have.
pub const DEEPEST: usize = 128;

/// Members up to which the names of an object are compared with each other instead of being hashed.
const FEW: usize = 12;

/// Why bytes are no JSON document for us. No part of a prompt gets into a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes are not UTF-8.
    #[error("the body is not valid UTF-8 (byte {0})")]
    NotUtf8(usize),
    /// The syntax is wrong, or something follows the document.
    #[error("the body is not valid JSON (byte {0})")]
    Syntax(usize),
    /// More than [`DEEPEST`] containers are inside each other.
    #[error("the body is nested deeper than {DEEPEST} levels")]
    TooDeep,
    /// Offsets are kept in 32 bits.
    #[error("the body is larger than 4 GiB")]
    TooLarge,
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number
    Number,
    /// A string
    String,
    /// An array
    List,
    /// An object
    Object,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    start: u32,
    end: u32,
    /// The token after this value and all that is in it.
    next: u32,
    kind: Kind,
    /// Strings: there is a backslash.
    escaped: bool,
    /// The text of the value is not canonical.
    loose: bool,
}

/// A document and where its values stand.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    tokens: Cow<'a, [Token]>,
}

/// Where the values of a document stand, without its text.
#[derive(Debug)]
pub(super) struct Index {
    tokens: Vec<Token>,
}

impl Index {
    /// Makes the index of a text, which may begin with a byte order mark.
    pub(super) fn read(text: &str) -> Result<Self, ReadError> {
        Reader::read(unmarked(text)).map(|tokens| Self { tokens })
    }

    /// Bytes of memory.
    pub(super) const fn size(&self) -> usize {
        self.tokens.capacity() * size_of::<Token>()
    }
}

/// The text without a byte order mark.
pub(super) fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

impl<'a> Document<'a> {
    /// Reads one document, strictly (RFC 8259); a byte order mark before it is skipped.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn read(body: &'a [u8]) -> Result<Self, ReadError> {
        let text = str::from_utf8(body).map_err(|error| ReadError::NotUtf8(error.valid_up_to()))?;
        Self::of_text(unmarked(text))
    }

    /// The document that has this index.
    pub(super) fn indexed(text: &'a str, index: &'a Index) -> Self {
        Self { text: unmarked(text), tokens: Cow::Borrowed(&index.tokens) }
    }

    /// Reads a document from text.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn of_text(text: &'a str) -> Result<Self, ReadError> {
        Ok(Self { text, tokens: Cow::Owned(Reader::read(text)?) })
    }

    /// The text without a byte order mark.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The outermost value.
    #[must_use]
    pub const fn root(&self) -> Node<'_, 'a> {
        Node { document: self, at: 0 }
    }

    fn token(&self, at: usize) -> Token {
        const NULL: Token =
            Token { start: 0, end: 0, next: u32::MAX, kind: Kind::Null, escaped: false, loose: false };
        self.tokens.get(at).copied().unwrap_or(NULL)
    }

    fn span(&self, token: Token) -> &'a str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }
}

/// A value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d, 'a> {
    document: &'d Document<'a>,
    at: usize,
}

impl<'a> Node<'_, 'a> {
    fn token(self) -> Token {
        self.document.token(self.at)
    }

    fn sibling(self) -> Self {
        Self { document: self.document, at: self.token().next as usize }
    }

    /// The kind of the value.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.token().kind
    }

    /// Whether the value is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The value as it was spelled.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.document.span(self.token())
    }

    /// Where the value stands in the text: from its first byte to the one behind it.
    pub(super) fn place(self) -> (usize, usize) {
        let token = self.token();
        (token.start as usize, token.end as usize)
    }

    /// The inside of a string as it was spelled.
    fn inside(self) -> Option<&'a str> {
        let raw = self.raw();
        (self.kind() == Kind::String).then(|| raw.get(1..raw.len() - 1).unwrap_or_default())
    }

    /// The text of a string.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let inside = self.inside()?;
        Some(if self.token().escaped { unescape(inside) } else { Cow::Borrowed(inside) })
    }

    /// The inside of a string with canonical escapes.
    #[must_use]
    pub fn string(self) -> Option<Cow<'a, str>> {
        let inside = self.inside()?;
        Some(if self.token().loose { Cow::Owned(canonical(inside)) } else { Cow::Borrowed(inside) })
    }

    /// Whether the value is a string with this text, which needs no escapes.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        match self.inside() {
            Some(inside) if !self.token().escaped => inside == text,
            Some(inside) => unescape(inside) == text,
            None => false,
        }
    }

    /// What JavaScript thinks of the value.
    #[must_use]
    pub fn is_truthy(self) -> bool {
        match self.kind() {
            Kind::Null | Kind::False => false,
            Kind::True | Kind::List | Kind::Object => true,
            Kind::String => self.raw().len() > 2,
            Kind::Number => number_is_truthy(self.raw()),
        }
    }

    /// The items of a list; none of any other value.
    pub fn items(self) -> impl Iterator<Item = Self> + Clone {
        let end = if self.kind() == Kind::List { self.token().next as usize } else { 0 };
        let mut node = Self { document: self.document, at: self.at + 1 };
        std::iter::from_fn(move || {
            (node.at < end).then(|| {
                let item = node;
                node = node.sibling();
                item
            })
        })
    }

    /// The members of an object as they were written: name and value; none of any other value.
    pub fn written_members(self) -> impl Iterator<Item = (Self, Self)> + Clone {
        let end = if self.kind() == Kind::Object { self.token().next as usize } else { 0 };
        let mut name = Self { document: self.document, at: self.at + 1 };
        std::iter::from_fn(move || {
            (name.at < end).then(|| {
                let value = name.sibling();
                let member = (name, value);
                name = value.sibling();
                member
            })
        })
    }

    /// The members of an object: of a name given twice the last value at the place of the first.
    #[must_use]
    pub fn members(self) -> Vec<(Self, Self)> {
        let mut members: Vec<(Self, Self)> = self.written_members().collect();
        if self.may_repeat() {
            let mut places = std::collections::HashMap::with_capacity(members.len());
            let mut kept: Vec<(Self, Self)> = Vec::with_capacity(members.len());
            for (name, value) in members {
                // Canonical, so that two different lone surrogates stay different names.
                let place = *places.entry(name.string().unwrap_or_default()).or_insert(kept.len());
                match kept.get_mut(place) {
                    Some(member) => member.1 = value,
                    None => kept.push((name, value)),
                }
            }
            members = kept;
        }
        members
    }

    /// Visits the members of an object as [`Self::members`] has them.
    pub(crate) fn each_member(self, mut visit: impl FnMut(Self, Self)) {
        if self.may_repeat() {
            self.members().into_iter().for_each(|(name, value)| visit(name, value));
        } else {
            self.written_members().for_each(|(name, value)| visit(name, value));
        }
    }

    fn may_repeat(self) -> bool {
        self.kind() == Kind::Object && self.token().escaped
    }

    /// The value of a member of an object.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        let mut found = None;
        for (key, value) in self.written_members() {
            if key.is(name) {
                found = Some(value);
            }
        }
        found
    }

    /// Whether an object of the value, at any depth, has a member of this name.
    #[must_use]
    pub fn has_member(self, name: &str) -> bool {
        match self.kind() {
            Kind::List => self.items().any(|item| item.has_member(name)),
            // Of a name given twice the first value counts as not there.
            Kind::Object if self.may_repeat() => {
                self.members().into_iter().any(|(key, value)| key.is(name) || value.has_member(name))
            }
            Kind::Object => self.written_members().any(|(key, value)| key.is(name) || value.has_member(name)),
            _ => false,
        }
    }

    /// Appends the value in canonical form.
    pub fn write(self, out: &mut String) {
        if !self.token().loose {
            out.push_str(self.raw());
            return;
        }
        match self.kind() {
            Kind::String => {
                out.push('"');
                out.push_str(&self.string().unwrap_or_default());
                out.push('"');
            }
            Kind::List => {
                out.push('[');
                for (number, item) in self.items().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Kind::Object => {
                out.push('{');
                for (number, (name, value)) in self.members().into_iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    name.write(out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            _ => out.push_str(self.raw()),
        }
    }

    /// The value in canonical form.
    #[must_use]
    pub fn canonical(self) -> Cow<'a, str> {
        if !self.token().loose {
            return Cow::Borrowed(self.raw());
        }
        let mut out = String::with_capacity(self.raw().len());
        self.write(&mut out);
        Cow::Owned(out)
    }
}

/// Whether a spelled number is not zero.
pub(super) fn number_is_truthy(number: &str) -> bool {
    // Rust reads a number too small for a double as zero, as Python and JavaScript do.
    number.parse::<f64>().is_ok_and(|value| value != 0.0)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    specials: Specials<'a>,
    at: usize,
    depth: usize,
    tokens: Vec<Token>,
}

#[expect(clippy::cast_possible_truncation, reason = "the length of the text was checked to fit 32 bits")]
impl Reader<'_> {
    fn read(text: &str) -> Result<Vec<Token>, ReadError> {
        if u32::try_from(text.len()).is_err() {
            return Err(ReadError::TooLarge);
        }
        let bytes = text.as_bytes();
        let specials = Specials::of(bytes);
        let mut reader = Reader { text, bytes, specials, at: 0, depth: 0, tokens: Vec::new() };
        // A guess that is right for prompts and for stream frames alike.
        reader.tokens.reserve(text.len() / 48 + 16);
        reader.at = skip_spaces(reader.bytes, 0);
        reader.value()?;
        reader.at = skip_spaces(reader.bytes, reader.at);
        if reader.at < text.len() { Err(reader.wrong()) } else { Ok(reader.tokens) }
    }

    fn wrong(&self) -> ReadError {
        ReadError::Syntax(self.at)
    }

    fn peek(&self) -> u8 {
        // A zero byte is no part of JSON's syntax, so it can stand for the end.
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    /// Skips white space; tells whether there was any.
    fn spaces(&mut self) -> bool {
        if !is_space(self.peek()) {
            return false;
        }
        self.at = skip_spaces(self.bytes, self.at);
        true
    }

    fn push(&mut self, start: usize, kind: Kind, escaped: bool, loose: bool) {
        let next = self.tokens.len() as u32 + 1;
        self.tokens.push(Token { start: start as u32, end: self.at as u32, next, kind, escaped, loose });
    }

    /// Reads the value that begins here; tells whether it is loose.
    fn value(&mut self) -> Result<bool, ReadError> {
        match self.peek() {
            b'"' => self.string(),
            b'{' => self.nested(Kind::Object),
            b'[' => self.nested(Kind::List),
            b't' => self.word(b"true", Kind::True),
            b'f' => self.word(b"false", Kind::False),
            b'n' => self.word(b"null", Kind::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, kind: Kind) -> Result<bool, ReadError> {
        if self.depth == DEEPEST {
            return Err(ReadError::TooDeep);
        }
        self.depth += 1;
        let place = self.tokens.len();
        let start = self.at;
        self.push(start, kind, false, false);
        self.at += 1;
        let (loose, repeats) = if kind == Kind::Object { self.object(place)? } else { (self.list()?, false) };
        self.depth -= 1;
        let (end, next) = (self.at as u32, self.tokens.len() as u32);
        if let Some(token) = self.tokens.get_mut(place) {
            token.end = end;
            token.next = next;
            token.escaped = repeats;
            token.loose = loose;
        }
        Ok(loose)
    }

    fn object(&mut self, place: usize) -> Result<(bool, bool), ReadError> {
        let mut loose = self.spaces();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok((loose, false));
        }
        let (mut count, mut escaped) = (0, false);
        loop {
            if self.peek() != b'"' {
                return Err(self.wrong());
            }
            loose |= self.string()?;
            escaped |= self.tokens.last().is_some_and(|name| name.escaped);
            count += 1;
            loose |= self.spaces();
            if self.peek() != b':' {
                return Err(self.wrong());
            }
            self.at += 1;
            loose |= self.spaces();
            loose |= self.value()?;
            loose |= self.spaces();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    let repeats = escaped || self.repeats(place, count);
                    return Ok((loose | repeats, repeats));
                }
                _ => return Err(self.wrong()),
            }
            loose |= self.spaces();
        }
    }

    /// Whether a name of the object at `place` was given twice; names with escapes are not looked into.
    fn repeats(&self, place: usize, count: usize) -> bool {
        if count < 2 {
            return false;
        }
        let mut at = place + 1;
        let mut names = std::iter::from_fn(|| {
            let name = self.tokens.get(at)?;
            at = self.tokens.get(name.next as usize)?.next as usize;
            self.bytes.get(name.start as usize..name.end as usize)
        });
        if count > FEW {
            let mut seen = HashSet::with_capacity(count);
            return !names.all(|name| seen.insert(name));
        }
        let mut seen: [&[u8]; FEW] = [&[]; FEW];
        for (number, name) in names.enumerate() {
            if seen.iter().take(number).any(|other| *other == name) {
                return true;
            }
            if let Some(slot) = seen.get_mut(number) {
                *slot = name;
            }
        }
        false
    }

    fn list(&mut self) -> Result<bool, ReadError> {
        let mut loose = self.spaces();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(loose);
        }
        loop {
            loose |= self.value()?;
            loose |= self.spaces();
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(loose);
                }
                _ => return Err(self.wrong()),
            }
            loose |= self.spaces();
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<bool, ReadError> {
        let start = self.at;
        if !self.bytes.get(start..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.wrong());
        }
        self.at += word.len();
        self.push(start, kind, false, false);
        Ok(false)
    }

    fn number(&mut self) -> Result<bool, ReadError> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(start, Kind::Number, false, false);
        Ok(false)
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.wrong()) }
    }

    fn string(&mut self) -> Result<bool, ReadError> {
        let start = self.at;
        let mut at = start + 1;
        let (mut escaped, mut loose) = (false, false);
        loop {
            at = self.specials.next(at);
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    self.push(start, Kind::String, escaped, loose);
                    return Ok(loose);
                }
                Some(b'\\') => {
                    escaped = true;
                    // Nearly all escapes are these, and prompts are full of them.
                    if let Some(b'n' | b'"' | b'\\' | b't' | b'r' | b'b' | b'f') = self.bytes.get(at + 1) {
                        at += 2;
                    } else {
                        self.at = at + 1;
                        loose |= self.escape()?;
                        at = self.at;
                    }
                }
                _ => {
                    self.at = at;
                    return Err(self.wrong());
                }
            }
        }
    }

    /// Checks what follows a backslash where that is no short escape; tells whether canonical text would write it in
    /// another way.
    fn escape(&mut self) -> Result<bool, ReadError> {
        match self.peek() {
            b'/' => {
                self.at += 1;
                Ok(true)
            }
            b'u' => {
                let digits = self.text.get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                    return Err(self.wrong());
                }
                self.at += 5;
                Ok(true)
            }
            _ => Err(self.wrong()),
        }
    }
}

#[cfg(test)]
mod tests;
