//! An answer as a chat completion (upstream.md 10.1).

use super::{
    completion::{finish_reason, push, write_head, write_usage},
    custom_tools::unwrapped,
    opaque,
    thinking::is_shown,
};
use crate::{
    canonical::{Answer, AnswerContext, Block, Inside, ToolCall},
    plans::AnswerPlan,
};

/// Appends the completion; reasoning by the name that clients know and by those of Copilot.
pub(crate) fn encode_answer(
    out: &mut String,
    answer: &Answer<'_>,
    plan: &AnswerPlan<'_>,
    context: &AnswerContext,
) {
    let calls: Vec<_> = answer.blocks.iter().filter_map(call_of).collect();
    write_head(out, &answer.id, "chat.completion", answer.created, &answer.model);
    out.push_str("\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    let written: String = answer.blocks.iter().filter_map(text_of).collect();
    if written.is_empty() && !calls.is_empty() {
        out.push_str("null");
    } else {
        push(out, &["\"", &written, "\""]);
    }
    out.push_str(",\"refusal\":null");
    if is_shown(plan.reasoning, context) {
        write_reasoning(out, &answer.blocks);
    }
    let given = answer.finish.as_ref().map_or("", |finish| &*finish.reason);
    let mut reason = finish_reason(given, !calls.is_empty());
    match calls.first() {
        Some(first) if is_legacy(context) => {
            let arguments = whole(&first.arguments);
            push(out, &[",\"function_call\":{\"name\":\"", &first.name, "\",\"arguments\":\"", arguments]);
            out.push_str("\"}");
            reason = if reason == "tool_calls" { "function_call" } else { reason };
        }
        Some(_) => {
            out.push_str(",\"tool_calls\":[");
            for (number, call) in calls.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { "," });
                write_call(out, call, context);
            }
            out.push(']');
        }
        None => {}
    }
    push(out, &["},\"logprobs\":null,\"finish_reason\":\"", reason, "\"}]"]);
    if let Some(usage) = answer.usage {
        out.push_str(",\"usage\":");
        write_usage(out, usage);
    }
    out.push('}');
}

/// Whether the client knows functions only, no tools.
pub(super) fn is_legacy(context: &AnswerContext) -> bool {
    context.echo.iter().any(|(name, value)| name == "functions" && value.is_filled())
}

fn call_of<'b, 'a>(block: &'b Block<'a>) -> Option<&'b ToolCall<'a>> {
    match block {
        Block::ToolCall(call) => Some(call),
        _ => None,
    }
}

fn text_of<'b>(block: &'b Block<'_>) -> Option<&'b str> {
    match block {
        Block::Text(text) => Some(text),
        _ => None,
    }
}

fn whole(arguments: &str) -> &str {
    if arguments.is_empty() { "{}" } else { arguments }
}

fn write_reasoning(out: &mut String, blocks: &[Block<'_>]) {
    let mut thought = String::new();
    let mut pieces = Vec::new();
    for block in blocks {
        if let Block::Reasoning(piece) = block {
            thought.push_str(&piece.text);
            let length = opaque::length(&piece.text);
            let carrier = piece.carrier.clone().into_owned();
            pieces.push(opaque::Piece { length, redacted: piece.redacted, carrier });
        }
    }
    if !thought.is_empty() {
        push(out, &[",\"reasoning_content\":\"", &thought, "\",\"reasoning_text\":\"", &thought, "\""]);
    }
    let carrier = opaque::pack(&pieces);
    if !carrier.is_empty() {
        push(out, &[",\"reasoning_opaque\":\"", &carrier, "\""]);
    }
}

fn write_call(out: &mut String, call: &ToolCall<'_>, context: &AnswerContext) {
    push(out, &["{\"id\":\"", &call.id]);
    if call.custom || context.custom.iter().any(|name| *name == call.name) {
        let arguments = Inside::Borrowed(&*call.arguments);
        let raw = if call.custom { arguments } else { unwrapped(arguments) };
        push(out, &["\",\"type\":\"custom\",\"custom\":{\"name\":\"", &call.name, "\",\"input\":\"", &raw]);
    } else {
        push(out, &["\",\"type\":\"function\",\"function\":{\"name\":\"", &call.name, "\",\"arguments\":\""]);
        out.push_str(whole(&call.arguments));
    }
    out.push_str("\"}}");
}
