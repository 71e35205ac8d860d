//! Changes to single members of the outermost object; every other byte stays.
//!
//! Works on text that a [`Document`](super::Document) accepted, without reading it again: only the outermost
//! level is looked at, so that a request that is passed on costs little more than a copy. Other text gives
//! some edit or none, but never a panic.

use std::borrow::Cow;

use super::{
    escape::unescape,
    scan::{next_special, skip_spaces},
};

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
#[must_use]
pub fn members(text: &str) -> Vec<Member<'_>> {
    let bytes = text.as_bytes();
    let mut listed = Vec::new();
    let mut at = skip_spaces(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return listed;
    }
    loop {
        // After the brace or a comma.
        let start = skip_spaces(bytes, at + 1);
        if bytes.get(start) != Some(&b'"') {
            return listed;
        }
        let name_end = string_end(bytes, start);
        let colon = skip_spaces(bytes, name_end);
        let value_start = skip_spaces(bytes, colon + 1);
        let end = value_end(bytes, value_start);
        let (Some(name), Some(value)) =
            (text.get(start + 1..name_end.saturating_sub(1)), text.get(value_start..end))
        else {
            return listed;
        };
        listed.push(Member { name: unescape(name), value, start, name_end, value_start, end });
        at = skip_spaces(bytes, end);
        if bytes.get(at) != Some(&b',') {
            return listed;
        }
    }
}

/// The place after the string that begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    loop {
        at = next_special(bytes, at);
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// The place after the value that begins at `at`.
fn value_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => {
                let Some(outer) = depth.checked_sub(1) else {
                    return at;
                };
                depth = outer;
                if depth == 0 {
                    return at + 1;
                }
            }
            Some(b',' | b' ' | b'\t' | b'\n' | b'\r') if depth == 0 => return at,
            Some(_) => {}
        }
        at += 1;
    }
}

fn spliced(text: &str, start: usize, end: usize, replacement: &str) -> String {
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    [before, replacement, after].concat()
}

/// Puts `value` (JSON text) in place of every value of `name`.
#[must_use]
pub fn replace_value(text: &str, name: &str, value: &str) -> String {
    let mut edited = text.to_owned();
    for member in members(text).into_iter().rev().filter(|member| member.name == name) {
        edited = spliced(&edited, member.value_start, member.end, value);
    }
    edited
}

/// Renames a member in place; `to` needs no escapes.
#[must_use]
pub fn rename(text: &str, name: &str, to: &str) -> String {
    let mut edited = text.to_owned();
    for member in members(text).into_iter().rev().filter(|member| member.name == name) {
        edited = spliced(&edited, member.start, member.name_end, &format!("\"{to}\""));
    }
    edited
}

/// Removes a member with one of the commas beside it.
#[must_use]
pub fn remove(text: &str, name: &str) -> String {
    let mut edited = text.to_owned();
    loop {
        let listed = members(&edited);
        let Some(at) = listed.iter().position(|member| member.name == name) else {
            return edited;
        };
        let Some(member) = listed.get(at) else {
            return edited;
        };
        edited = if let Some(next) = listed.get(at + 1) {
            spliced(&edited, member.start, next.start, "")
        } else if let Some(before) = at.checked_sub(1).and_then(|at| listed.get(at)) {
            spliced(&edited, before.end, member.end, "")
        } else {
            spliced(&edited, member.start, member.end, "")
        };
    }
}

/// Adds a member after the last one; `name` needs no escapes.
#[must_use]
pub fn append(text: &str, name: &str, value: &str) -> String {
    if let Some(last) = members(text).last() {
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
