//! Tool names that upstream refuses, made to fit and turned back in the answer (upstream.md 4.1, 11.3).

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::{
    canonical::{Block, Conversation, Inside, Value},
    text::{Tree, code_points, unescape, unescape_json},
};

/// Characters that a name may have.
const LONGEST: usize = 64;
const DIGITS: usize = 8;

const fn is_legal_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether the inside of a name is one that upstream takes.
fn is_legal(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_legal_byte)
}

/// A legal name: the same one for the same name, in the history and in the tool list alike.
#[must_use]
pub fn fitting(name: &str) -> Cow<'_, str> {
    if is_legal(name) {
        return Cow::Borrowed(name);
    }
    let mut fitted: String = code_points(name)
        .take(LONGEST - DIGITS - 1)
        .map(|code| u8::try_from(code).ok().filter(|byte| is_legal_byte(*byte)).map_or('_', char::from))
        .collect();
    fitted.push('_');
    let digest = Sha256::digest(unescape_json(name).as_bytes());
    for byte in digest.iter().take(DIGITS / 2) {
        for half in [byte >> 4, byte & 15] {
            fitted.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    Cow::Owned(fitted)
}

/// Names that were changed: the client's, and ours.
type Changed = Vec<(String, String)>;

fn changed_to<'c>(changed: &'c Changed, name: &str) -> Option<&'c str> {
    changed.iter().find(|(own, _)| own == name).map(|(_, fitted)| &**fitted)
}

/// Makes the names of a conversation legal. Returns the client's names by ours, and the changes made.
pub fn fit(conversation: &mut Conversation<'_, '_>) -> (Vec<(String, String)>, Vec<String>) {
    let mut changed = Changed::new();
    let mut note = |name: &str| {
        if !name.is_empty() && !is_legal(name) && changed_to(&changed, name).is_none() {
            changed.push((name.to_owned(), fitting(name).into_owned()));
        }
    };
    for tool in conversation.tools.iter().flatten() {
        note(&tool.name());
    }
    for block in conversation.turns.iter().flat_map(|turn| &turn.blocks) {
        if let Block::ToolCall(call) = block {
            note(&call.name);
        }
    }
    if changed.is_empty() {
        return Default::default();
    }
    apply(conversation, &changed);
    let mut names: Vec<(String, String)> = Vec::with_capacity(changed.len());
    for (own, fitted) in &changed {
        match names.iter_mut().find(|(other, _)| other == fitted) {
            Some(name) => own.clone_into(&mut name.1),
            None => names.push((fitted.clone(), own.clone())),
        }
    }
    changed.sort_by_cached_key(|(own, _)| code_points(own).collect::<Vec<_>>());
    let rewrites =
        changed.iter().map(|(own, fitted)| format!("tool {} sent as {fitted}", unescape(own))).collect();
    (names, rewrites)
}

fn apply(conversation: &mut Conversation<'_, '_>, changed: &Changed) {
    let fit = |name: &mut Inside<'_>| {
        if let Some(fitted) = changed_to(changed, name) {
            *name = Cow::Owned(fitted.to_owned());
        }
    };
    for block in conversation.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        match block {
            Block::ToolCall(call) => fit(&mut call.name),
            Block::ToolResult(result) => fit(&mut result.name),
            _ => {}
        }
    }
    for tool in conversation.tools.iter_mut().flatten() {
        if let Some(fitted) = changed_to(changed, &tool.name()) {
            tool.members.set("name", Tree::Text(Cow::Owned(fitted.to_owned())));
        }
    }
    if let Some(choice) = &mut conversation.tool_choice {
        let mut tree = choice.tree();
        if let Some(name) = tree.get_mut("function").and_then(|function| function.get_mut("name"))
            && let Some(fitted) = changed_to(changed, name.inside())
        {
            *name = Tree::Text(Cow::Owned(fitted.to_owned()));
            *choice = Value::Tree(tree);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, fitting};

    #[test]
    fn names_fit() {
        assert_eq!(fitting("get_weather-2"), "get_weather-2");
        // Digests of the reference.
        assert_eq!(fitting("a.b"), "a_b_2e7336dc");
        assert_eq!(fitting(&"x".repeat(65)).len(), LONGEST);
        assert_ne!(fitting("a.b"), fitting("a:b"));
    }
}
