//! Freeform tools where only functions are: offered with one string, `input`, and their calls likewise.

use crate::{
    canonical::{Inside, Members, Value},
    look::Look as _,
    text::{Document, Kind, Node, escape_json_text, unescape_json},
};

/// Appends the function that stands for a freeform tool; its grammar goes into words.
pub(crate) fn write_function(out: &mut String, members: &Members<'_, '_>) {
    out.push_str("{\"name\":");
    match members.get("name") {
        Some(name) => name.write(out),
        None => out.push_str("null"),
    }
    let mut description =
        members.get("description").and_then(|value| value.look().inside()).unwrap_or_default().into_owned();
    let layout = members.get("format").map(Value::tree).unwrap_or_default();
    let nested = layout.at("grammar");
    let grammar = if nested.is_object() && nested.is_filled() { nested } else { &layout };
    let definition = grammar.at("definition").inside();
    if !definition.is_empty() {
        let gap = if description.is_empty() { "" } else { "\\n\\n" };
        let syntax = grammar.at("syntax").inside();
        for part in [gap, "The input must follow this ", syntax, " grammar:\\n", definition] {
            description.push_str(part);
        }
    }
    if !description.is_empty() {
        for part in [",\"description\":\"", &description, "\""] {
            out.push_str(part);
        }
    }
    out.push_str(concat!(
        ",\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\",",
        "\"description\":\"The raw text for the tool.\"}},\"required\":[\"input\"]}}"
    ));
}

/// Raw text as the arguments of the function; both are insides.
pub(crate) fn wrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 24);
    escape_json_text(&mut out, &["{\"input\":\"", text, "\"}"].concat());
    out
}

/// The raw text of arguments; those of another form as they are. Both are insides.
pub(crate) fn unwrapped(arguments: Inside<'_>) -> Inside<'_> {
    let text = unescape_json(&arguments);
    let Ok(document) = Document::read(text.as_bytes()) else {
        return arguments;
    };
    let given = document.root().get("input").filter(|given| given.kind() == Kind::String);
    match given.and_then(Node::string) {
        Some(given) => Inside::Owned(given.into_owned()),
        None => arguments,
    }
}
