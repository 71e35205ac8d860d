//! Turns into chat messages (compat.md 4.3; D-T6 to D-T9; upstream.md 4.2, 4.4).

use super::{
    cache_marks::{Kind, Place},
    custom_tools::wrapped,
    encode_request::is_marked,
};
use crate::{
    canonical::{Block, Role, ToolResult, Turn},
    carriers,
    plans::{Dialect, RequestPlan},
    text::unescape,
    validation::InvalidRequest,
};

type Result<T> = std::result::Result<T, InvalidRequest>;

/// Put before the text of a failed tool's result, which chat cannot mark otherwise (D-T7).
const ERROR_MARK: &str = "Error: ";

/// Between the texts of one message.
const GAP: &str = "\\n\\n";

/// Appends the messages of a turn, and their places to `places`; the last has the turn's cache marker.
pub(super) fn write_turn(
    list: &mut List<'_>,
    turn: &Turn<'_, '_>,
    plan: &RequestPlan,
    places: &mut Vec<Place>,
    rewrites: &mut Vec<String>,
) -> Result<()> {
    let before = places.len();
    match turn.role {
        Role::System => {
            let out = list.item(&["{\"role\":\"system\",\"content\":\""]);
            write_joined(out, turn.blocks.iter());
            out.push('"');
            close(out, Kind::System, places);
        }
        Role::Assistant => write_assistant(list, turn, plan, places, rewrites)?,
        Role::User => write_user(list, turn, places)?,
    }
    if let Some(last) = places.get_mut(before..).and_then(<[Place]>::last_mut) {
        last.marked = is_marked(turn.cache.as_ref());
    }
    Ok(())
}

fn close(out: &mut String, kind: Kind, places: &mut Vec<Place>) {
    places.push(Place { kind, end: out.len(), marked: false });
    out.push('}');
}

pub(super) fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// A JSON list that is being written.
pub(super) struct List<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> List<'o> {
    pub(super) const fn new(out: &'o mut String) -> Self {
        Self { out, empty: true }
    }

    pub(super) fn item(&mut self, parts: &[&str]) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        push(self.out, parts);
        self.out
    }
}

fn write_assistant(
    list: &mut List<'_>,
    turn: &Turn<'_, '_>,
    plan: &RequestPlan,
    places: &mut Vec<Place>,
    rewrites: &mut Vec<String>,
) -> Result<()> {
    let (others, reasoning) = without_foreign(&turn.blocks, plan, rewrites);
    let is_call = |block: &&Block<'_>| matches!(block, Block::ToolCall(_));
    let mut calls = turn.blocks.iter().filter(is_call).peekable();
    if calls.peek().is_none() && !turn.blocks.is_empty() && others.is_empty() && reasoning.is_none() {
        return Ok(());
    }
    refuse_files(others.iter().copied())?;
    let out = list.item(&["{\"role\":\"assistant\",\"content\":"]);
    let start = out.len();
    if calls.peek().is_none() {
        if turn.plain && turn.blocks.is_empty() {
            out.push_str("null");
        } else {
            write_content(out, others.into_iter());
        }
    } else {
        write_content(out, others.into_iter());
        if out.get(start..) == Some("\"\"") {
            out.truncate(start);
            out.push_str("null");
        }
        write_calls(out, calls);
    }
    if let Some((text, carrier)) = reasoning {
        if !text.is_empty() {
            push(out, &[",\"reasoning_text\":\"", text, "\""]);
        }
        push(out, &[",\"reasoning_opaque\":\"", carrier, "\""]);
    }
    close(out, Kind::Assistant, places);
    Ok(())
}

fn write_calls<'b, 'a: 'b>(out: &mut String, calls: impl Iterator<Item = &'b Block<'a>>) {
    out.push_str(",\"tool_calls\":[");
    let mut entries = List::new(out);
    for call in calls {
        if let Block::ToolCall(call) = call {
            let raw = if call.custom { wrapped(&call.arguments) } else { String::new() };
            let arguments = if call.custom { &raw } else { &*call.arguments };
            entries.item(&[
                "{\"id\":\"",
                &call.id,
                "\",\"type\":\"function\",\"function\":{\"name\":\"",
                &call.name,
                "\",\"arguments\":\"",
                arguments,
                "\"}}",
            ]);
        }
    }
    out.push(']');
}

/// Text and carrier of the reasoning that goes back.
type Thought<'b> = (&'b str, &'b str);

/// The blocks of the content, and the reasoning that may go back to this model.
fn without_foreign<'b, 'a>(
    blocks: &'b [Block<'a>],
    plan: &RequestPlan,
    rewrites: &mut Vec<String>,
) -> (Vec<&'b Block<'a>>, Option<Thought<'b>>) {
    let mut kept = Vec::with_capacity(blocks.len());
    let mut thought = None;
    for block in blocks {
        let reasoning = match block {
            Block::ToolCall(_) => continue,
            Block::Reasoning(reasoning) => reasoning,
            _ => {
                kept.push(block);
                continue;
            }
        };
        if plan.without_reasoning {
            rewrites.push("left out reasoning: upstream refused it".to_owned());
            continue;
        }
        let value = carriers::fitting(&reasoning.carrier, plan.leg, &plan.target);
        if !value.is_empty() && thought.is_none() {
            thought = Some((&*reasoning.text, value));
        } else if !value.is_empty() || plan.dialect != Dialect::Messages || reasoning.text.is_empty() {
            rewrites.push("left out reasoning that cannot go back to the model".to_owned());
        } else {
            // Thinking is text to an Anthropic client's other models, as it always was (compat.md 4.3).
            kept.push(block);
            if !reasoning.carrier.is_empty() {
                rewrites.push("sent reasoning of another model as text".to_owned());
            }
        }
    }
    (kept, thought)
}

fn refuse_files<'b, 'a: 'b>(blocks: impl Iterator<Item = &'b Block<'a>>) -> Result<()> {
    for block in blocks {
        if let Block::File(file) = block {
            let (kind, name) = (unescape(&file.media_type), unescape(&file.name));
            let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
            let message =
                format!("a file of type {kind}{name} cannot be sent: the model reads text and images");
            return Err(InvalidRequest::new(message, ""));
        }
    }
    Ok(())
}

fn write_user(list: &mut List<'_>, turn: &Turn<'_, '_>, places: &mut Vec<Place>) -> Result<()> {
    let (mut results, mut others) = (false, false);
    let mut pictures = Vec::new();
    for block in &turn.blocks {
        if let Block::ToolResult(result) = block {
            results = true;
            let head = ["{\"role\":\"tool\",\"tool_call_id\":\"", &result.call_id, "\",\"content\":\""];
            refuse_files(result.content.iter())?;
            let out = list.item(&head);
            write_result(out, result);
            out.push('"');
            close(out, Kind::Given, places);
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
        out.push(']');
        close(out, Kind::Given, places);
    }
    if others || !results {
        let blocks = turn.blocks.iter().filter(|block| !matches!(block, Block::ToolResult(_)));
        refuse_files(blocks.clone())?;
        let out = list.item(&["{\"role\":\"user\",\"content\":"]);
        write_content(out, blocks);
        close(out, Kind::Given, places);
    }
    Ok(())
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
            let out = parts.item(&["{\"type\":\"image_url\",\"image_url\":{\"url\":\"", &image.url, "\""]);
            if !image.detail.is_empty() {
                push(out, &[",\"detail\":\"", &image.detail, "\""]);
            }
            out.push_str("}}");
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
