//! An answer as a response object (upstream.md 10.2).

use super::{
    answer::{CallKind, Head, State, incomplete_reason, write_message, write_reasoning},
    items::is_blank,
};
use crate::{
    canonical::{Answer, AnswerContext, Block},
    plans::AnswerPlan,
    text::escape,
};

/// Appends the response object.
pub(crate) fn encode_answer(
    out: &mut String,
    answer: &Answer<'_>,
    plan: &AnswerPlan<'_>,
    context: &AnswerContext,
) {
    let model = if answer.model.is_empty() { escape(plan.model) } else { (&*answer.model).into() };
    let head = Head::new(&answer.id, &model, answer.created, context);
    let incomplete = answer.finish.as_ref().map_or("", |finish| incomplete_reason(&finish.reason));
    let status = if incomplete.is_empty() { "completed" } else { "incomplete" };
    let is_shown = |block: &&Block<'_>| plan.reasoning || !matches!(block, Block::Reasoning(_));
    let blocks: Vec<_> = answer.blocks.iter().filter(is_shown).collect();
    let output: Vec<_> = blocks
        .iter()
        .enumerate()
        .map(|(index, block)| {
            // What was cut off is the last item.
            let status = if index + 1 == blocks.len() { status } else { "completed" };
            item(block, index, status, &head, context)
        })
        .collect();
    head.write(out, &State { status, output: &output, usage: answer.usage, incomplete, ..State::default() });
}

fn item(block: &Block<'_>, index: usize, status: &str, head: &Head, context: &AnswerContext) -> String {
    let mut out = String::new();
    match block {
        Block::Text(text) => write_message(&mut out, &head.item_id("msg", index), status, Some(text)),
        Block::Reasoning(thought) => {
            write_reasoning(&mut out, &head.item_id("rs", index), &thought.text, &thought.carrier);
        }
        Block::ToolCall(call) => {
            let kind = CallKind::new(&call.name, call.custom, &call.namespace, context);
            let given = if call.custom || !is_blank(&call.arguments) { &*call.arguments } else { "{}" };
            kind.write(&mut out, &head.item_id(kind.prefix(), index), status, &call.id, given);
        }
        // No part of an answer.
        Block::Image(_) | Block::File(_) | Block::ToolResult(_) => out.push_str("null"),
    }
    out
}
