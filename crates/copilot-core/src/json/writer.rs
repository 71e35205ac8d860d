//! `JSON.stringify` and `String`.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    number::push_number,
    value::{Object, Value},
};

/// The largest array index of JavaScript; names up to here come first in an object.
const LARGEST_INDEX: u32 = u32::MAX - 1;

/// `JSON.stringify(value)`.
#[must_use]
pub fn compact(value: &Value) -> String {
    let mut out = String::new();
    push_compact(&mut out, value);
    out
}

/// A string itself, anything else as compact JSON.
#[must_use]
pub fn text_or_compact<'v>(value: &'v Value) -> Cow<'v, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        _ => Cow::Owned(compact(value)),
    }
}

/// `String(value)`: a string itself, lists joined with commas, an object not at all.
#[must_use]
pub fn as_text<'v>(value: &'v Value) -> Cow<'v, str> {
    match value {
        Value::Null => "null".into(),
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        Value::Number(number) => {
            let mut out = String::new();
            push_number(&mut out, *number);
            out.into()
        }
        Value::Text(text) => Cow::Borrowed(text),
        Value::List(items) => {
            let texts = items.iter().map(|item| match item {
                Value::Null => Cow::Borrowed(""),
                _ => as_text(item),
            });
            texts.collect::<Vec<_>>().join(",").into()
        }
        Value::Object(_) => "[object Object]".into(),
    }
}

fn push_compact(out: &mut String, value: &Value) {
    match value {
        Value::Number(number) if !number.is_finite() => out.push_str("null"),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&as_text(value)),
        Value::Text(text) => push_quoted(out, text),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                push_compact(out, item);
            }
            out.push(']');
        }
        Value::Object(object) => push_object(out, object),
    }
}

fn push_object(out: &mut String, object: &Object) {
    let mut indices: Vec<_> =
        object.members().filter_map(|(name, value)| Some((array_index(name)?, name, value))).collect();
    indices.sort_unstable_by_key(|&(index, _, _)| index);
    let others = object.members().filter(|(name, _)| array_index(name).is_none());
    let in_order = indices.into_iter().map(|(_, name, value)| (name, value)).chain(others);
    out.push('{');
    for (place, (name, value)) in in_order.enumerate() {
        out.push_str(if place > 0 { "," } else { "" });
        push_quoted(out, name);
        out.push(':');
        push_compact(out, value);
    }
    out.push('}');
}

fn array_index(name: &str) -> Option<u32> {
    let canonical = name == "0" || name.starts_with(|first: char| matches!(first, '1'..='9'));
    if !canonical || name.len() > 10 {
        return None;
    }
    name.parse().ok().filter(|&index| index <= LARGEST_INDEX)
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|character| matches!(character, '"' | '\\' | ..' ')) {
        let (plain, from_special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = from_special.chars();
        match characters.next() {
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control @ ..' ') => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            Some(quote_or_backslash) => out.extend(['\\', quote_or_backslash]),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
