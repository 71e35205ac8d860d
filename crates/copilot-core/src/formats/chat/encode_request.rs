//! A conversation into a chat request: member order and shapes of compat.md 4.1 and 4.3, cured.

use crate::canonical::{Block, Conversation, Role, ToolChoice, Turn};

/// Put before the text of a failed tool's result, which chat cannot mark otherwise (D-T7).
const ERROR_MARK: &str = "Error: ";

/// Between the texts of one message.
const GAP: &str = "\\n\\n";

/// Appends the request as JSON. `model` is written instead of the conversation's, `cap_field` instead of
/// `max_tokens`.
pub fn encode_request(
    out: &mut String,
    conversation: &Conversation<'_, '_>,
    model: Option<&str>,
    cap_field: &str,
) {
    push(out, &["{\"model\":\"", model.unwrap_or(&conversation.model), "\",\"messages\":["]);
    let mut list = List::new(out);
    for turn in &conversation.turns {
        write_turn(&mut list, turn);
    }
    out.push(']');
    for (name, value) in &conversation.options {
        push(out, &[",\"", if *name == "max_tokens" { cap_field } else { name }, "\":"]);
        value.write(out);
    }
    let Some(tools) = &conversation.tools else {
        out.push('}');
        return;
    };
    out.push_str(",\"tools\":[");
    for (number, tool) in tools.iter().enumerate() {
        out.push_str(if number > 0 { "," } else { "" });
        out.push_str("{\"type\":\"function\",\"function\":{");
        for (place, (name, value)) in tool.iter().enumerate() {
            push(out, &[if place > 0 { "," } else { "" }, "\"", name, "\":"]);
            value.write(out);
        }
        out.push_str("}}");
    }
    out.push(']');
    if !tools.is_empty() {
        match &conversation.tool_choice {
            Some(ToolChoice::Word(word)) => push(out, &[",\"tool_choice\":\"", word, "\""]),
            Some(ToolChoice::Tool(name)) => push(
                out,
                &[",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"", name, "\"}}"],
            ),
            None => {}
        }
        if let Some(parallel) = conversation.parallel_tools {
            push(out, &[",\"parallel_tool_calls\":", if parallel { "true" } else { "false" }]);
        }
    }
    out.push('}');
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

fn write_turn(list: &mut List<'_>, turn: &Turn<'_>) {
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

fn write_assistant(list: &mut List<'_>, turn: &Turn<'_>) {
    let out = list.item(&["{\"role\":\"assistant\",\"content\":"]);
    let is_call = |block: &&Block<'_>| matches!(block, Block::ToolCall { .. });
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
        if let Block::ToolCall { id, name, arguments } = call {
            entries.item(&[
                "{\"id\":\"",
                id,
                "\",\"type\":\"function\",\"function\":{\"name\":\"",
                name,
                "\",\"arguments\":\"",
                arguments,
                "\"}}",
            ]);
        }
    }
    out.push_str("]}");
}

fn write_user(list: &mut List<'_>, turn: &Turn<'_>) {
    let (mut results, mut others) = (false, false);
    let mut pictures = Vec::new();
    for block in &turn.blocks {
        if let Block::ToolResult { call_id, content, is_error } = block {
            results = true;
            let out = list.item(&["{\"role\":\"tool\",\"tool_call_id\":\"", call_id, "\",\"content\":\""]);
            write_result(out, content, *is_error);
            out.push_str("\"}");
            pictures.extend(content.iter().filter(|inner| matches!(inner, Block::Image(_))));
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
        write_content(out, turn.blocks.iter().filter(|block| !matches!(block, Block::ToolResult { .. })));
        out.push('}');
    }
}

fn write_result(out: &mut String, content: &[Block<'_>], is_error: bool) {
    let start = out.len();
    write_joined(out, content.iter());
    let text = out.get(start..).unwrap_or_default();
    if is_error && !text.starts_with(ERROR_MARK) {
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
        Block::Image(url) => {
            parts.item(&["{\"type\":\"image_url\",\"image_url\":{\"url\":\"", url, "\"}}"]);
        }
        Block::Text(text) | Block::Reasoning(text) => {
            parts.item(&["{\"type\":\"text\",\"text\":\"", text, "\"}"]);
        }
        Block::ToolCall { .. } | Block::ToolResult { .. } => {}
    }
}

fn write_joined<'b, 'a: 'b>(out: &mut String, blocks: impl Iterator<Item = &'b Block<'a>>) {
    let mut first = true;
    for block in blocks {
        if let Block::Text(text) | Block::Reasoning(text) = block {
            push(out, &[if first { "" } else { GAP }, text]);
            first = false;
        }
    }
}
