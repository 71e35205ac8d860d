//! A chat answer into an Anthropic message (compat.md 4.4; D-T1, D-T21, D-T22, D-T25).

use super::answer::{stop_reason, write_usage};
use crate::{
    formats::chat::frames,
    text::{Document, Kind, Tree},
};

/// Appends the message for a normalised chat answer.
pub(crate) fn encode_answer(out: &mut String, answer: &Tree<'_>, reasoning: bool) {
    let empty = Tree::word("");
    let choice = answer.at("choices").items().first().unwrap_or_else(|| answer.at(""));
    let message = choice.at("message");
    out.push_str("{\"id\":");
    answer.get("id").unwrap_or(&empty).write(out);
    out.push_str(",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    answer.get("model").unwrap_or(&empty).write(out);
    out.push_str(",\"content\":[");
    let mut separator = "";
    let thought = frames::reasoning_text(message);
    if reasoning && !thought.is_empty() {
        let signature = message.at("reasoning_opaque").inside();
        for part in
            ["{\"type\":\"thinking\",\"thinking\":\"", &thought, "\",\"signature\":\"", signature, "\"}"]
        {
            out.push_str(part);
        }
        separator = ",";
    }
    let piece = frames::content_text(message.get("content"));
    if !piece.is_empty() {
        for part in [separator, "{\"type\":\"text\",\"text\":\"", &piece, "\"}"] {
            out.push_str(part);
        }
        separator = ",";
    }
    for call in message.at("tool_calls").items() {
        let function = call.at("function");
        out.push_str(separator);
        out.push_str("{\"type\":\"tool_use\",\"id\":");
        call.at("id").write(out);
        out.push_str(",\"name\":");
        function.at("name").write(out);
        out.push_str(",\"input\":");
        write_input(out, function.at("arguments"));
        out.push('}');
        separator = ",";
    }
    out.push_str("],\"stop_reason\":");
    match choice.at("finish_reason") {
        Tree::Null => out.push_str("null"),
        reason => {
            for part in ["\"", stop_reason(reason.inside()), "\""] {
                out.push_str(part);
            }
        }
    }
    out.push_str(",\"stop_sequence\":null,\"usage\":");
    write_usage(out, frames::usage_of(answer), None);
    out.push('}');
}

/// Writes arguments as an object; what is not one is kept under `_raw` (D-T1).
fn write_input(out: &mut String, arguments: &Tree<'_>) {
    if arguments.is_object() {
        arguments.write(out);
        return;
    }
    let text = arguments.json_text();
    let is_space = |character: char| character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character);
    if text.chars().all(is_space) {
        out.push_str("{}");
        return;
    }
    match Document::read(text.as_bytes()) {
        Ok(document) if document.root().kind() == Kind::Object => document.root().write(out),
        _ => {
            for part in ["{\"_raw\":\"", arguments.inside(), "\"}"] {
                out.push_str(part);
            }
        }
    }
}
