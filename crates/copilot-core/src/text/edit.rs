//! Changes to single members of the outermost object; every other byte stays.
//!
//! Works on a [`Document`] and looks at its outermost level only, so that a request that is passed on costs little
//! more than a copy.

use std::{borrow::Cow, ops::Range};

use super::{Document, Node};

/// A member of the outermost object and where it stands in the text.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// The name
    pub name: Cow<'a, str>,
    /// The value as it was spelled
    pub value: &'a str,
    start: usize,
    name_end: usize,
    value_start: usize,
    end: usize,
}

/// Lists the members of the outermost object, as they were written.
fn members<'a>(document: &Document<'a>) -> Vec<Member<'a>> {
    let member = |(name, value): (Node<'_, 'a>, Node<'_, 'a>)| {
        let ((start, name_end), (value_start, end)) = (name.place(), value.place());
        let text = name.text().unwrap_or_default();
        Member { name: text, value: value.raw(), start, name_end, value_start, end }
    };
    document.root().written_members().map(member).collect()
}

/// Changes to one text, made together in one copy of it.
#[derive(Debug)]
pub struct Edits<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
    /// What takes the place of a range; the ranges do not overlap.
    changes: Vec<(usize, usize, String)>,
}

impl<'a> Edits<'a> {
    /// Begins with no change.
    #[must_use]
    pub fn of(document: &Document<'a>) -> Self {
        Self { text: document.text(), members: members(document), changes: Vec::new() }
    }

    /// The members of the outermost object, as they were written.
    #[must_use]
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// Puts `value` (JSON text) in place of every value of `name`.
    pub fn replace_value(&mut self, name: &str, value: &str) {
        for member in self.members.iter().filter(|member| member.name == name) {
            self.changes.push((member.value_start, member.end, value.to_owned()));
        }
    }

    /// Renames a member in place; `to` needs no escapes.
    pub fn rename(&mut self, name: &str, to: &str) {
        for member in self.members.iter().filter(|member| member.name == name) {
            self.changes.push((member.start, member.name_end, format!("\"{to}\"")));
        }
    }

    /// Removes a member, every time it was written, with one of the commas beside it.
    pub fn remove(&mut self, name: &str) {
        self.remove_all(&[name]);
    }

    /// Removes members, every time they were written; all that are to go have to be named together.
    pub fn remove_all(&mut self, names: &[impl AsRef<str>]) {
        let is_left = |member: &&Member<'_>| names.iter().all(|name| member.name != name.as_ref());
        // A comma goes with the member before it, or, behind the last that is left, with the one after.
        let last_left = self.members.iter().rposition(|member| is_left(&member));
        for (at, member) in self.members.iter().enumerate().filter(|(_, member)| !is_left(member)) {
            let next = self.members.get(at + 1);
            match (last_left, next) {
                (Some(last), _) if at > last => {
                    let before =
                        self.members.get(at.saturating_sub(1)).map_or(member.start, |before| before.end);
                    self.changes.push((before, member.end, String::new()));
                }
                (_, Some(next)) => self.changes.push((member.start, next.start, String::new())),
                (_, None) => self.changes.push((member.start, member.end, String::new())),
            }
        }
    }

    /// Adds a member after the last one; `name` needs no escapes.
    pub fn append(&mut self, name: &str, value: &str) {
        let (at, comma) = self.members.last().map_or_else(
            || (self.text.find('{').map_or(self.text.len(), |at| at + 1), ""),
            |last| (last.end, ","),
        );
        self.changes.push((at, at, format!("{comma}\"{name}\":{value}")));
    }

    /// Returns the changed text, None when nothing was changed.
    #[must_use]
    pub fn finish(mut self) -> Option<Written> {
        self.changes.retain(|(start, end, by)| self.text.get(*start..*end) != Some(by.as_str()));
        if self.changes.is_empty() {
            return None;
        }
        self.changes.sort_by_key(|(start, _, _)| *start);
        let mut pieces = Vec::with_capacity(2 * self.changes.len() + 1);
        let mut at = 0;
        for (start, end, by) in self.changes {
            pieces.extend([Piece::Kept(at..start), Piece::New(by)]);
            at = end;
        }
        pieces.push(Piece::Kept(at..self.text.len()));
        let written = Written::Pieces(pieces);
        Some(if self.text.len() < WORTH_SHARING { written.into_text(self.text).into() } else { written })
    }
}

/// Bytes of a text of which the parts that stay are not copied.
const WORTH_SHARING: usize = 16 * 1024;

/// A part of a changed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes of the text that was changed
    Kept(Range<usize>),
    /// What takes the place of others
    New(String),
}

/// What was made of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// Another one
    Text(String),
    /// The same one in parts, with others between
    Pieces(Vec<Piece>),
}

impl From<String> for Written {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Written {
    /// The text; `base` is the one that was changed.
    #[must_use]
    pub fn into_text(self, base: &str) -> String {
        match self {
            Self::Text(text) => text,
            Self::Pieces(pieces) => join(&pieces, base),
        }
    }
}

/// Puts pieces of `base` together.
pub(super) fn join(pieces: &[Piece], base: &str) -> String {
    let parts = || {
        pieces.iter().map(|piece| match piece {
            Piece::Kept(range) => base.get(range.clone()).unwrap_or_default(),
            Piece::New(text) => text,
        })
    };
    let mut text = String::with_capacity(parts().map(str::len).sum());
    parts().for_each(|part| text.push_str(part));
    text
}

#[cfg(test)]
mod tests {
    use super::{Document, Edits, WORTH_SHARING, Written};

    fn edited(text: &str, change: impl FnOnce(&mut Edits<'_>)) -> String {
        let document = Document::of_text(text).unwrap_or_else(|error| unreachable!("{error}"));
        let mut edits = Edits::of(&document);
        change(&mut edits);
        edits.finish().map_or_else(|| text.to_owned(), |written| written.into_text(text))
    }

    #[test]
    fn only_the_member_changes() {
        let text = " { \"a\" : 1 , \"b\":[ 2 ], \"a\":3 } ";
        assert_eq!(
            edited(text, |edits| edits.replace_value("a", "null")),
            " { \"a\" : null , \"b\":[ 2 ], \"a\":null } "
        );
        assert_eq!(edited(text, |edits| edits.rename("b", "c")), " { \"a\" : 1 , \"c\":[ 2 ], \"a\":3 } ");
        assert_eq!(edited(text, |edits| edits.remove("a")), " { \"b\":[ 2 ] } ");
        assert_eq!(edited(" { \"b\":[ 2 ] } ", |edits| edits.remove("b")), " {  } ");
        assert_eq!(
            edited("{\"a\":1 , \"b\":2,\"c\":3 }", |edits| {
                edits.append("x", "1");
                edits.remove_all(&["b", "c"]);
            }),
            "{\"a\":1,\"x\":1 }"
        );
        assert_eq!(edited("{ }", |edits| edits.append("x", "1")), "{\"x\":1 }");
        assert_eq!(edited("{\"a\":1 }", |edits| edits.append("x", "1")), "{\"a\":1,\"x\":1 }");
        assert_eq!(edited("{\"a\":1,\"b\":2,\"b\":3}", |edits| edits.remove("b")), "{\"a\":1}");
        assert_eq!(edited("{\"b\":1,\"b\":2}", |edits| edits.remove("b")), "{}");
    }

    #[test]
    fn changes_are_made_together() {
        let text = "{\"model\":\"x\",\"max_tokens\":null}";
        let found = edited(text, |edits| {
            edits.append("z", "true");
            edits.replace_value("max_tokens", "7");
            edits.rename("max_tokens", "max_completion_tokens");
            edits.replace_value("model", "\"y\"");
        });
        assert_eq!(found, "{\"model\":\"y\",\"max_completion_tokens\":7,\"z\":true}");
    }

    #[test]
    fn a_large_text_is_changed_in_parts() {
        let text = format!("{{\"a\":\"{}\",\"b\":1}}", "x".repeat(WORTH_SHARING));
        let document = Document::of_text(&text).unwrap_or_else(|error| unreachable!("{error}"));
        let mut edits = Edits::of(&document);
        edits.append("c", "2");
        edits.replace_value("b", "3");
        let written = edits.finish();
        assert!(matches!(&written, Some(Written::Pieces(pieces)) if pieces.len() == 5));
        let found = written.map(|written| written.into_text(&text));
        assert_eq!(found, Some(text.replace("\"b\":1", "\"b\":3,\"c\":2")));
        let mut edits = Edits::of(&document);
        edits.replace_value("b", "1");
        assert_eq!(edits.finish(), None);
    }
}
