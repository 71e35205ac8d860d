//! A whole chat answer into the canonical one (upstream.md 4.3).

use std::borrow::Cow;

use super::{answer::normalise, frames};
use crate::{
    canonical::{Answer, Block, Finish, Inside, Reasoning, ToolCall},
    text::Tree,
    translation::UnusableAnswer,
};

pub(crate) fn decode_answer(mut value: Tree<'_>) -> Result<Answer<'_>, UnusableAnswer> {
    normalise(&mut value)?;
    let usage = frames::usage_of(&value);
    let created = frames::count(value.get("created")).filter(|created| *created != 0);
    let mut choice = match value.take("choices") {
        Some(Tree::List(choices)) => choices.into_iter().next().unwrap_or_default(),
        _ => Tree::Null,
    };
    let mut message = choice.take("message").unwrap_or_default();
    let mut blocks = Vec::new();
    let text = frames::reasoning_text(&message).into_owned();
    let carrier = taken(&mut message, "reasoning_opaque");
    if !text.is_empty() || !carrier.is_empty() {
        blocks.push(Block::Reasoning(Reasoning { text: Cow::Owned(text), carrier, redacted: false }));
    }
    let piece = match message.take("content") {
        Some(Tree::Text(inside)) => inside,
        other => Cow::Owned(frames::content_text(other.as_ref()).into_owned()),
    };
    if !piece.is_empty() {
        blocks.push(Block::Text(piece));
    }
    if let Some(Tree::List(calls)) = message.take("tool_calls") {
        for mut call in calls {
            let mut function = call.take("function").unwrap_or_default();
            blocks.push(Block::ToolCall(ToolCall {
                id: taken(&mut call, "id"),
                name: taken(&mut function, "name"),
                arguments: taken(&mut function, "arguments"),
                ..ToolCall::default()
            }));
        }
    }
    let finish = match choice.take("finish_reason") {
        None | Some(Tree::Null) => None,
        Some(Tree::Text(reason)) => Some(Finish { reason, ..Finish::default() }),
        Some(_) => Some(Finish::default()),
    };
    Ok(Answer {
        id: taken(&mut value, "id"),
        model: taken(&mut value, "model"),
        blocks,
        finish,
        usage,
        created,
    })
}

/// Takes a string out of an object; empty when there is none.
fn taken<'a>(object: &mut Tree<'a>, name: &str) -> Inside<'a> {
    match object.take(name) {
        Some(Tree::Text(inside)) => inside,
        _ => Cow::Borrowed(""),
    }
}
