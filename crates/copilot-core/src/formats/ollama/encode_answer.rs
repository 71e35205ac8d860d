//! An answer as Ollama gives it without streaming: one object with everything.

use super::answer::{is_generate, write_call, write_content, write_end, write_head};
use crate::{
    canonical::{Answer, AnswerContext, Block},
    formats::chat::thinking::is_shown,
    plans::AnswerPlan,
};

/// Appends the answer.
pub(crate) fn encode_answer(
    out: &mut String,
    answer: &Answer<'_>,
    plan: &AnswerPlan<'_>,
    context: &AnswerContext,
) {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), String::new());
    let mut index = 0;
    for block in &answer.blocks {
        match block {
            Block::Text(piece) => text.push_str(piece),
            Block::Reasoning(piece) if is_shown(plan.reasoning, context) => thinking.push_str(&piece.text),
            Block::ToolCall(call) => {
                calls.push(if index == 0 { '[' } else { ',' });
                write_call(&mut calls, index, &call.id, &call.name, &call.arguments);
                index += 1;
            }
            _ => {}
        }
    }
    if index > 0 {
        calls.push(']');
    }
    write_head(out, context, &answer.model, answer.created);
    write_content(out, is_generate(context), &text, &thinking, &calls);
    write_end(out, answer.finish.as_ref().map_or("", |finish| &*finish.reason), answer.usage);
}
