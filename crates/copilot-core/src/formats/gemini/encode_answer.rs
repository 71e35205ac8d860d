//! A whole answer as Google's `GenerateContentResponse`.

use super::{
    answer::{Ending, Part, thoughts, write_chunk, write_signed},
    signatures,
};
use crate::{
    canonical::{Answer, AnswerContext, Block},
    plans::AnswerPlan,
    text::escape,
};

/// Appends the response; thoughts are shown when the request asked for them.
pub(crate) fn encode_answer(
    out: &mut String,
    answer: &Answer<'_>,
    plan: &AnswerPlan<'_>,
    context: &AnswerContext,
) {
    let thoughts = thoughts(context);
    let mut parts = Vec::with_capacity(answer.blocks.len());
    let mut malformed = String::new();
    for block in &answer.blocks {
        match block {
            Block::Text(text) => parts.push(Part::text(text)),
            Block::Reasoning(thought) if thoughts && !thought.text.is_empty() => {
                parts.push(Part::thought(&thought.text));
            }
            Block::ToolCall(call) => match Part::call(&call.id, &call.name, &call.arguments) {
                Some(part) => parts.push(part),
                None if malformed.is_empty() => malformed = [&*call.name, "(", &call.arguments, ")"].concat(),
                None => {}
            },
            // The others are no part of an answer.
            Block::Reasoning(_) | Block::Image(_) | Block::File(_) | Block::ToolResult(_) => {}
        }
    }
    let signature = signatures::write(answer.blocks.iter().filter_map(|block| match block {
        Block::Reasoning(thought) => Some((&*thought.carrier, thought.redacted)),
        _ => None,
    }));
    let reason = answer.finish.as_ref().map_or("", |finish| &finish.reason);
    let model = if answer.model.is_empty() { escape(plan.model) } else { (&*answer.model).into() };
    let end = Some(Ending { reason, malformed: &malformed });
    write_chunk(out, |out| write_signed(out, &parts, &signature), &model, &answer.id, end, answer.usage);
}
