//! Changes to single members of the outermost object; every other byte stays.

use super::document::{Document, Node};

/// Where a member stands in the text.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    name_end: usize,
    value: usize,
    end: usize,
}

fn place(name: Node<'_, '_>, value: Node<'_, '_>) -> Place {
    let ((start, name_end), (value, end)) = (name.place(), value.place());
    Place { start, name_end, value, end }
}

/// Names and values of the outermost object, as they were written.
#[must_use]
pub fn members<'a>(document: &Document<'a>) -> Vec<(String, &'a str)> {
    let members = document.root().written_members();
    members.map(|(name, value)| (name.text().unwrap_or_default().into_owned(), value.raw())).collect()
}

fn places(text: &str) -> Vec<(String, Place)> {
    let Ok(document) = Document::of_text(text) else {
        return Vec::new();
    };
    let members = document.root().written_members();
    members.map(|(name, value)| (name.text().unwrap_or_default().into_owned(), place(name, value))).collect()
}

fn spliced(text: &str, start: usize, end: usize, replacement: &str) -> String {
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    [before, replacement, after].concat()
}

/// Puts `value` (JSON text) in place of every value of `name`.
#[must_use]
pub fn replace_value(text: &str, name: &str, value: &str) -> String {
    let mut edited = text.to_owned();
    for (_, place) in places(text).into_iter().rev().filter(|(key, _)| key == name) {
        edited = spliced(&edited, place.value, place.end, value);
    }
    edited
}

/// Renames a member in place; `to` needs no escapes.
#[must_use]
pub fn rename(text: &str, name: &str, to: &str) -> String {
    let mut edited = text.to_owned();
    for (_, place) in places(text).into_iter().rev().filter(|(key, _)| key == name) {
        edited = spliced(&edited, place.start, place.name_end, &format!("\"{to}\""));
    }
    edited
}

/// Removes a member with one of the commas beside it.
#[must_use]
pub fn remove(text: &str, name: &str) -> String {
    let mut edited = text.to_owned();
    loop {
        let listed = places(&edited);
        let Some(at) = listed.iter().position(|(key, _)| key == name) else {
            return edited;
        };
        let Some((_, place)) = listed.get(at) else {
            return edited;
        };
        edited = if let Some((_, next)) = listed.get(at + 1) {
            spliced(&edited, place.start, next.start, "")
        } else if let Some((_, before)) = at.checked_sub(1).and_then(|at| listed.get(at)) {
            spliced(&edited, before.end, place.end, "")
        } else {
            spliced(&edited, place.start, place.end, "")
        };
    }
}

/// Adds a member after the last one; `name` needs no escapes.
#[must_use]
pub fn append(text: &str, name: &str, value: &str) -> String {
    if let Some((_, last)) = places(text).last() {
        return spliced(text, last.end, last.end, &format!(",\"{name}\":{value}"));
    }
    let at = text.find('{').map_or(text.len(), |at| at + 1);
    spliced(text, at, at, &format!("\"{name}\":{value}"))
}

#[cfg(test)]
mod tests {
    use super::{append, remove, rename, replace_value};

    #[test]
    fn only_the_member_changes() {
        let text = " { \"a\" : 1 , \"b\":[ 2 ], \"a\":3 } ";
        assert_eq!(replace_value(text, "a", "null"), " { \"a\" : null , \"b\":[ 2 ], \"a\":null } ");
        assert_eq!(rename(text, "b", "c"), " { \"a\" : 1 , \"c\":[ 2 ], \"a\":3 } ");
        assert_eq!(remove(text, "a"), " { \"b\":[ 2 ] } ");
        assert_eq!(remove(&remove(text, "a"), "b"), " {  } ");
        assert_eq!(append("{ }", "x", "1"), "{\"x\":1 }");
        assert_eq!(append("{\"a\":1 }", "x", "1"), "{\"a\":1,\"x\":1 }");
    }
}
