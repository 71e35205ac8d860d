//! Reasoning in the two members that a chat message has for it: `reasoning_text` and `reasoning_opaque`.
//!
//! A chat message holds one text and one carrier; an answer of another leg may have several pieces of
//! reasoning, each bound to its own carrier, and some without text. Then the one value that the client gets
//! lists them all. Texts are canonical insides.

use super::frames::count;
use crate::{
    canonical::{Inside, Reasoning},
    text::{Document, Kind, Tree, code_points, escape_json_text, unescape_json},
};

/// Begins a value that lists pieces: the characters of each, whether it is redacted, its carrier.
const PARTS: &str = "copilot-api-parts:";

/// A piece of reasoning without its text.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// Characters of its text
    pub(crate) length: i64,
    pub(crate) redacted: bool,
    pub(crate) carrier: String,
}

/// Characters of a text.
pub(crate) fn length(inside: &str) -> i64 {
    i64::try_from(code_points(inside).count()).unwrap_or(i64::MAX)
}

/// The one carrier for pieces of reasoning; empty when none has one.
pub(crate) fn pack(pieces: &[Piece]) -> String {
    if pieces.iter().all(|piece| piece.carrier.is_empty()) {
        return String::new();
    }
    if let [piece] = pieces
        && !piece.redacted
    {
        return piece.carrier.clone();
    }
    let listed = pieces.iter().map(|piece| {
        let carrier = Tree::Text(Inside::Borrowed(&piece.carrier));
        Tree::List(vec![Tree::count(piece.length), Tree::Bool(piece.redacted), carrier])
    });
    let mut out = PARTS.to_owned();
    escape_json_text(&mut out, &Tree::List(listed.collect()).to_json());
    out
}

/// The pieces; a text that is not the one they were made of keeps no carrier.
pub(crate) fn unpack<'a>(text: Inside<'a>, opaque: Inside<'a>) -> Vec<Reasoning<'a>> {
    let Some(listed) = opaque.strip_prefix(PARTS) else {
        let found = !text.is_empty() || !opaque.is_empty();
        let whole = Reasoning { text, carrier: opaque, redacted: false };
        return if found { vec![whole] } else { Vec::new() };
    };
    let pieces = read(listed);
    if pieces.iter().map(|piece| piece.length).sum::<i64>() != length(&text) {
        let plain = Reasoning { text, ..Reasoning::default() };
        return if plain.text.is_empty() { Vec::new() } else { vec![plain] };
    }
    let mut rest = &*text;
    let made = pieces.into_iter().map(|piece| {
        let (own, others) = split(rest, piece.length);
        rest = others;
        let (text, carrier) = (Inside::Owned(own.to_owned()), Inside::Owned(piece.carrier));
        Reasoning { text, carrier, redacted: piece.redacted }
    });
    made.collect()
}

fn read(listed: &str) -> Vec<Piece> {
    let json = unescape_json(listed);
    let Ok(document) = Document::read(json.as_bytes()) else {
        return Vec::new();
    };
    let read = |entry: Tree<'_>| match entry.items() {
        [size, redacted, carrier] => {
            let length = count(Some(size)).filter(|length| *length >= 0)?;
            Some(Piece {
                length,
                redacted: *redacted == Tree::Bool(true),
                carrier: carrier.inside().to_owned(),
            })
        }
        _ => None,
    };
    let root = document.root();
    let entries = root.items().map(|entry| read(Tree::from(entry)));
    if root.kind() == Kind::List { entries.collect::<Option<_>>().unwrap_or_default() } else { Vec::new() }
}

/// Splits an inside behind so many characters.
fn split(inside: &str, characters: i64) -> (&str, &str) {
    let mut at = 0;
    for _ in 0..characters {
        let rest = inside.get(at..).unwrap_or_default().as_bytes();
        at += match (rest.first(), rest.get(1)) {
            (Some(b'\\'), Some(b'u')) => 6,
            (Some(0xf0..), _) => 4,
            (Some(0xe0..), _) => 3,
            (Some(b'\\' | 0xc0..), _) => 2,
            _ => 1,
        };
    }
    inside.split_at_checked(at).unwrap_or((inside, ""))
}

#[cfg(test)]
mod tests {
    use super::{length, split};

    #[test]
    fn characters_are_those_of_the_text() {
        for (inside, lengths) in [(r#"a\n\ud800é\"😀b"#, [1, 2, 6, 2, 2, 4, 1])] {
            assert_eq!(length(inside), 7);
            let mut at = 0;
            for (number, size) in (1..).zip(lengths) {
                at += size;
                assert_eq!(split(inside, number).0.len(), at);
            }
        }
    }
}
