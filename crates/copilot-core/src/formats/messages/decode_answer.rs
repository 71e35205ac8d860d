//! A whole Anthropic answer into the canonical one (upstream.md 6.4).

use std::borrow::Cow;

use super::frames::{REDACTED, finish_reason, usage_of};
use crate::{
    canonical::{Answer, Block, Finish, Inside, Reasoning, ToolCall},
    text::{Tree, escape_json_text},
    translation::UnusableAnswer,
};

pub(crate) fn decode_answer(mut value: Tree<'_>) -> Result<Answer<'_>, UnusableAnswer> {
    let usage = usage_of(&value);
    let Some(Tree::List(content)) = value.take("content") else {
        return Err(UnusableAnswer("upstream answered without an answer"));
    };
    let stop = taken(&mut value, "stop_reason");
    let stop_sequence = taken(&mut value, "stop_sequence");
    let finish = Finish { reason: Cow::Borrowed(finish_reason(&stop)), stop_sequence };
    Ok(Answer {
        id: taken(&mut value, "id"),
        model: taken(&mut value, "model"),
        blocks: content.into_iter().filter_map(block).collect(),
        finish: (!stop.is_empty()).then_some(finish),
        usage,
        created: None,
    })
}

fn block(mut block: Tree<'_>) -> Option<Block<'_>> {
    match &*taken(&mut block, "type") {
        "text" => {
            let text = taken(&mut block, "text");
            (!text.is_empty()).then_some(Block::Text(text))
        }
        "thinking" => {
            let (text, carrier) = (taken(&mut block, "thinking"), taken(&mut block, "signature"));
            let is_empty = text.is_empty() && carrier.is_empty();
            (!is_empty).then_some(Block::Reasoning(Reasoning { text, carrier, redacted: false }))
        }
        "redacted_thinking" => {
            let data = taken(&mut block, "data");
            let carrier = Cow::Owned([REDACTED, &data].concat());
            let thought = Reasoning { carrier, redacted: true, ..Reasoning::default() };
            (!data.is_empty()).then_some(Block::Reasoning(thought))
        }
        "tool_use" => Some(Block::ToolCall(ToolCall {
            id: taken(&mut block, "id"),
            name: taken(&mut block, "name"),
            arguments: Cow::Owned(arguments_of(block.at("input"))),
            ..ToolCall::default()
        })),
        _ => None,
    }
}

/// A call's input as the inside of JSON text.
pub(crate) fn arguments_of(input: &Tree<'_>) -> String {
    let mut arguments = String::new();
    let json = if input.is_object() { input.to_json() } else { "{}".to_owned() };
    escape_json_text(&mut arguments, &json);
    arguments
}

/// Takes a string out of an object; empty when there is none.
fn taken<'a>(object: &mut Tree<'a>, name: &str) -> Inside<'a> {
    match object.take(name) {
        Some(Tree::Text(inside)) => inside,
        _ => Cow::Borrowed(""),
    }
}
