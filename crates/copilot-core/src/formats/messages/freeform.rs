//! Freeform tools where only functions are: offered with one string, `input`, and their calls likewise.

use std::borrow::Cow;

use crate::{
    canonical::{Tool, Value},
    text::Tree,
};

/// What the function is for, with the grammar in words.
pub(crate) fn description<'a>(tool: &Tool<'_, 'a>) -> Option<Tree<'a>> {
    let mut words = match tool.members.get("description").map(Value::tree) {
        Some(Tree::Text(words)) => words.into_owned(),
        _ => String::new(),
    };
    let layout = tool.members.get("format").map(Value::tree).unwrap_or_default();
    let inner = layout.at("grammar");
    let grammar = if inner.is_object() && inner.is_filled() { inner } else { &layout };
    let definition = grammar.at("definition").inside();
    if !definition.is_empty() {
        let syntax = grammar.at("syntax").inside();
        let parts = ["The input must follow this ", syntax, " grammar:\\n", definition];
        words.push_str(if words.is_empty() { "" } else { "\\n\\n" });
        words.push_str(&parts.concat());
    }
    (!words.is_empty()).then_some(Tree::Text(Cow::Owned(words)))
}

/// The schema of the function.
pub(crate) fn schema() -> Tree<'static> {
    let input = Tree::object([
        ("type", Tree::word("string")),
        ("description", Tree::word("The raw text for the tool.")),
    ]);
    Tree::object([
        ("type", Tree::word("object")),
        ("properties", Tree::object([("input", input)])),
        ("required", Tree::List(vec![Tree::word("input")])),
    ])
}
