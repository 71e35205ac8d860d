//! A conversation into a chat request: member order and shapes of compat.md 4.1 and 4.3, cured.

use crate::{
    canonical::{Block, Conversation, Role, ToolResult, Turn},
    plans::RequestPlan,
};

/// Put before the text of a failed tool's result, which chat cannot mark otherwise (D-T7).
const ERROR_MARK: &str = "Error: ";

/// Between the texts of one message.
const GAP: &str = "\\n\\n";

const BEFORE_TOOLS: [&str; 7] =
    ["max_tokens", "max_completion_tokens", "stop", "stream", "temperature", "top_p", "user"];

/// Appends the request; returns the changes that were made.
pub(crate) fn encode_request(
    out: &mut String,
    conversation: &Conversation<'_, '_>,
    plan: &RequestPlan,
) -> Vec<String> {
    push(out, &["{\"model\":\"", &conversation.model, "\",\"messages\":["]);
    let mut list = List::new(out);
    for turn in &conversation.turns {
        write_turn(&mut list, turn);
    }
    out.push(']');
    let changes = write_options(out, conversation, plan);
    let Some(tools) = &conversation.tools else {
        out.push('}');
        return changes;
    };
    out.push_str(",\"tools\":[");
    let mut list = List::new(out);
    for tool in tools {
        let out = list.item(&["{\"type\":\"function\",\"function\":"]);
        tool.members.write(out);
        out.push('}');
    }
    out.push(']');
    if !tools.is_empty() {
        if let Some(choice) = &conversation.tool_choice {
            out.push_str(",\"tool_choice\":");
            choice.write(out);
        }
        if let Some(parallel) = conversation.parallel_tools {
            push(out, &[",\"parallel_tool_calls\":", if parallel { "true" } else { "false" }]);
        }
    }
    out.push('}');
    changes
}

fn write_options(out: &mut String, conversation: &Conversation<'_, '_>, plan: &RequestPlan) -> Vec<String> {
    let options = &conversation.options;
    let renames = plan.cap_field != "max_tokens" && options.get("max_tokens").is_some();
    for name in BEFORE_TOOLS {
        let Some(mut value) = options.get(name) else {
            continue;
        };
        let mut written = name;
        if renames && name == "max_tokens" {
            written = &plan.cap_field;
            value = options.get(written).unwrap_or(value);
        } else if renames && name == plan.cap_field {
            continue;
        }
        push(out, &[",\"", written, "\":"]);
        value.write(out);
    }
    if renames { vec![format!("max_tokens sent as {}", plan.cap_field)] } else { Vec::new() }
}

fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// A JSON list that is being written.
struct List<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> List<'o> {
    const fn new(out: &'o mut String) -> Self {
        Self { out, empty: true }
    }

    fn item(&mut self, parts: &[&str]) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        push(self.out, parts);
        self.out
    }
}

fn write_turn(list: &mut List<'_>, turn: &Turn<'_, '_>) {
    match turn.role {
        Role::System => {
            let out = list.item(&["{\"role\":\"system\",\"content\":\""]);
            write_joined(out, turn.blocks.iter());
            out.push_str("\"}");
        }
        Role::Assistant => write_assistant(list, turn),
        Role::User => write_user(list, turn),
    }
}

fn write_assistant(list: &mut List<'_>, turn: &Turn<'_, '_>) {
    let out = list.item(&["{\"role\":\"assistant\",\"content\":"]);
    let is_call = |block: &&Block<'_>| matches!(block, Block::ToolCall(_));
    let others = turn.blocks.iter().filter(|block| !is_call(block));
    let mut calls = turn.blocks.iter().filter(is_call).peekable();
    if calls.peek().is_none() {
        if turn.plain && turn.blocks.is_empty() {
            out.push_str("null");
        } else {
            write_content(out, others);
        }
        out.push('}');
        return;
    }
    let start = out.len();
    write_content(out, others);
    if out.get(start..) == Some("\"\"") {
        out.truncate(start);
        out.push_str("null");
    }
    out.push_str(",\"tool_calls\":[");
    let mut entries = List::new(out);
    for call in calls {
        if let Block::ToolCall(call) = call {
            entries.item(&[
                "{\"id\":\"",
                &call.id,
                "\",\"type\":\"function\",\"function\":{\"name\":\"",
                &call.name,
                "\",\"arguments\":\"",
                &call.arguments,
                "\"}}",
            ]);
        }
    }
    out.push_str("]}");
}

fn write_user(list: &mut List<'_>, turn: &Turn<'_, '_>) {
    let (mut results, mut others) = (false, false);
    let mut pictures = Vec::new();
    for block in &turn.blocks {
        if let Block::ToolResult(result) = block {
            results = true;
            let head = ["{\"role\":\"tool\",\"tool_call_id\":\"", &result.call_id, "\",\"content\":\""];
            let out = list.item(&head);
            write_result(out, result);
            out.push_str("\"}");
            pictures.extend(result.content.iter().filter(|inner| matches!(inner, Block::Image(_))));
        } else {
            others = true;
        }
    }
    if !pictures.is_empty() {
        // Chat takes pictures in user messages only (D-T8, upstream.md 4.2).
        let out = list.item(&["{\"role\":\"user\",\"content\":"]);
        let mut parts = {
            out.push('[');
            List::new(out)
        };
        parts.item(&["{\"type\":\"text\",\"text\":\"Images of the tool results above:\"}"]);
        for picture in pictures {
            write_part(&mut parts, picture);
        }
        out.push_str("]}");
    }
    if others || !results {
        let out = list.item(&["{\"role\":\"user\",\"content\":"]);
        write_content(out, turn.blocks.iter().filter(|block| !matches!(block, Block::ToolResult(_))));
        out.push('}');
    }
}

fn write_result(out: &mut String, result: &ToolResult<'_>) {
    let start = out.len();
    write_joined(out, result.content.iter().filter(|block| matches!(block, Block::Text(_))));
    let text = out.get(start..).unwrap_or_default();
    if result.is_error && !text.starts_with(ERROR_MARK) {
        if text.is_empty() {
            out.push_str("the tool failed");
        }
        out.insert_str(start, ERROR_MARK);
    }
}

/// Writes a string, or a list of parts when there is a picture.
fn write_content<'b, 'a: 'b>(out: &mut String, blocks: impl Iterator<Item = &'b Block<'a>> + Clone) {
    if !blocks.clone().any(|block| matches!(block, Block::Image(_))) {
        out.push('"');
        write_joined(out, blocks);
        out.push('"');
        return;
    }
    out.push('[');
    let mut parts = List::new(out);
    for block in blocks {
        write_part(&mut parts, block);
    }
    out.push(']');
}

fn write_part(parts: &mut List<'_>, block: &Block<'_>) {
    match block {
        Block::Image(image) => {
            parts.item(&["{\"type\":\"image_url\",\"image_url\":{\"url\":\"", &image.url, "\"}}"]);
        }
        _ => {
            if let Some(text) = text_of(block) {
                parts.item(&["{\"type\":\"text\",\"text\":\"", text, "\"}"]);
            }
        }
    }
}

fn text_of<'b>(block: &'b Block<'_>) -> Option<&'b str> {
    match block {
        Block::Text(text) => Some(text),
        Block::Reasoning(thought) => Some(&thought.text),
        _ => None,
    }
}

fn write_joined<'b, 'a: 'b>(out: &mut String, blocks: impl Iterator<Item = &'b Block<'a>>) {
    let mut first = true;
    for block in blocks {
        if let Some(text) = text_of(block) {
            push(out, &[if first { "" } else { GAP }, text]);
            first = false;
        }
    }
}
