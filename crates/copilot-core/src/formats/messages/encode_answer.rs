//! An answer as an Anthropic message (compat.md 4.4; D-T1, D-T21, D-T22, D-T25).

use super::answer::{stop_reason, write_stop_sequence, write_usage};
use crate::{
    canonical::{Answer, Block},
    plans::AnswerPlan,
    text::{Document, Kind, unescape_json},
};

/// Appends the message.
pub(crate) fn encode_answer(out: &mut String, answer: &Answer<'_>, plan: &AnswerPlan<'_>) {
    push(out, &["{\"id\":\"", &answer.id, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\""]);
    push(out, &[&answer.model, "\",\"content\":["]);
    let mut separator = "";
    for block in &answer.blocks {
        if !plan.reasoning && matches!(block, Block::Reasoning(_)) {
            continue;
        }
        out.push_str(separator);
        write_block(out, block);
        separator = ",";
    }
    out.push_str("],\"stop_reason\":");
    match &answer.finish {
        None => out.push_str("null,\"stop_sequence\":null"),
        Some(finish) => {
            push(out, &["\"", stop_reason(&finish.reason), "\",\"stop_sequence\":"]);
            write_stop_sequence(out, &finish.stop_sequence);
        }
    }
    out.push_str(",\"usage\":");
    write_usage(out, answer.usage, None);
    out.push('}');
}

fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

fn write_block(out: &mut String, block: &Block<'_>) {
    match block {
        Block::Text(text) => push(out, &["{\"type\":\"text\",\"text\":\"", text, "\"}"]),
        Block::ToolCall(call) => {
            push(out, &["{\"type\":\"tool_use\",\"id\":\"", &call.id, "\",\"name\":\"", &call.name]);
            out.push_str("\",\"input\":");
            write_input(out, &call.arguments);
            out.push('}');
        }
        Block::Reasoning(thought) if thought.redacted => {
            push(out, &["{\"type\":\"redacted_thinking\",\"data\":\"", &thought.carrier, "\"}"]);
        }
        Block::Reasoning(thought) => {
            push(out, &["{\"type\":\"thinking\",\"thinking\":\"", &thought.text, "\",\"signature\":\""]);
            push(out, &[&thought.carrier, "\"}"]);
        }
        // No part of an answer.
        Block::Image(_) | Block::File(_) | Block::ToolResult(_) => {}
    }
}

/// Writes arguments as an object; what is not one is kept under `_raw` (D-T1).
fn write_input(out: &mut String, arguments: &str) {
    let text = unescape_json(arguments);
    let is_space = |character: char| character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character);
    if text.chars().all(is_space) {
        out.push_str("{}");
        return;
    }
    match Document::read(text.as_bytes()) {
        Ok(document) if document.root().kind() == Kind::Object => document.root().write(out),
        _ => push(out, &["{\"_raw\":\"", arguments, "\"}"]),
    }
}
