//! Items of `input` as turns of a conversation (upstream.md 5.2, 10.2).
//!
//! What an assistant said, thought and called between two answers of others is one turn, as it was one answer.

use std::{borrow::Cow, mem};

use super::{facts::kind_of, seals, tools, tools::Offered};
use crate::{
    canonical::{Block, File, Image, Inside, Reasoning, Role, ToolCall, ToolResult, Turn},
    look::Look,
    text::{Kind, Node, escape_json_text, unescape_json},
    validation::{InvalidRequest, Path},
};

type Result<T> = std::result::Result<T, InvalidRequest>;

/// Takes items in order; its turns are the conversation so far.
#[derive(Debug, Default)]
pub(super) struct Reader<'d, 'a> {
    pub(super) turns: Vec<Turn<'d, 'a>>,
    pub(super) rewrites: Vec<String>,
}

impl<'d, 'a> Reader<'d, 'a> {
    /// Reads one item, which validation accepted.
    pub(super) fn take(
        &mut self,
        offered: &mut Offered<'d, 'a>,
        item: Node<'d, 'a>,
        number: usize,
    ) -> Result<()> {
        let content = || format!("input[{number}].content");
        let kind = kind_of(item);
        match &*kind {
            "message" => {
                let content_of = item.get("content");
                let blocks = self.parts(content_of, &content)?;
                let plain = content_of.is_some_and(|content| content.kind() == Kind::String);
                match &*item.word("role") {
                    "assistant" => self.extend(Role::Assistant, blocks),
                    "user" => self.turns.push(Turn::new(Role::User, blocks, plain)),
                    _ => self.turns.push(Turn::new(Role::System, blocks, plain)),
                }
            }
            "reasoning" => {
                let text = Cow::Owned(seals::thought(item));
                let carrier = item.word("encrypted_content");
                let thought = Reasoning { text, carrier, redacted: false };
                self.extend(Role::Assistant, vec![Block::Reasoning(thought)]);
            }
            "function_call" | "custom_tool_call" | "local_shell_call" | "tool_search_call" => {
                let call = self.call(&kind, item);
                self.extend(Role::Assistant, vec![Block::ToolCall(call)]);
            }
            "function_call_output" | "custom_tool_call_output" | "local_shell_call_output" => {
                let content = self.parts(item.get("output"), &|| format!("input[{number}].output"))?;
                self.result(item, content);
            }
            "tool_search_output" => {
                add_tools(offered, item);
                let found = item.get("tools").map_or("null".into(), Node::canonical);
                let mut text = String::new();
                escape_json_text(&mut text, &["{\"tools\":", &found, "}"].concat());
                self.result(item, vec![Block::Text(text.into())]);
            }
            "agent_message" => {
                self.rewrites.push("sent agent_message as a message".to_owned());
                let blocks = self.parts(item.get("content"), &content)?;
                self.turns.push(Turn::new(Role::User, blocks, false));
            }
            "additional_tools" => add_tools(offered, item),
            _ => self.rewrites.push(format!("dropped {kind}")),
        }
        Ok(())
    }

    fn call(&mut self, kind: &str, item: Node<'d, 'a>) -> ToolCall<'a> {
        let id = call_id(item);
        let json = |value: Option<Node<'_, '_>>| {
            let mut out = String::new();
            escape_json_text(&mut out, &value.map_or("null".into(), Node::canonical));
            Cow::Owned(out)
        };
        let (name, arguments) = match kind {
            "local_shell_call" => {
                self.rewrites.push("sent local_shell_call as a function call".to_owned());
                ("local_shell".into(), json(item.get("action")))
            }
            "tool_search_call" => {
                let given = item.get("arguments");
                (tools::SEARCH.into(), given.and_then(Node::string).unwrap_or_else(|| json(given)))
            }
            "custom_tool_call" => (own_name(item), Cow::Owned(tools::wrapped(&item.word("input")))),
            _ => {
                let given = item.word("arguments");
                (own_name(item), if is_blank(&given) { "{}".into() } else { given })
            }
        };
        ToolCall { id, name, arguments, ..ToolCall::default() }
    }

    fn result(&mut self, item: Node<'d, 'a>, content: Vec<Block<'a>>) {
        let result = ToolResult { call_id: call_id(item), content, ..ToolResult::default() };
        self.extend(Role::User, vec![Block::ToolResult(result)]);
    }

    /// Adds to the last turn if it is of the same speaker: user turns only when both hold results alone.
    fn extend(&mut self, role: Role, blocks: Vec<Block<'a>>) {
        match self.turns.last_mut() {
            Some(last) if last.role == role && (role == Role::Assistant || is_results(last)) => {
                last.plain = false;
                for block in blocks {
                    join(&mut last.blocks, block);
                }
            }
            _ => self.turns.push(Turn::new(role, blocks, false)),
        }
    }

    fn parts(&mut self, content: Option<Node<'d, 'a>>, path: Path<'_>) -> Result<Vec<Block<'a>>> {
        if let Some(text) = content.and_then(Node::string) {
            return Ok(vec![Block::Text(text)]);
        }
        let mut blocks = Vec::new();
        for (number, part) in content.into_iter().flat_map(Node::items).enumerate() {
            blocks.extend(self.part(part, &|| format!("{}[{number}]", path()))?);
        }
        Ok(blocks)
    }

    fn part(&mut self, part: Node<'d, 'a>, path: Path<'_>) -> Result<Option<Block<'a>>> {
        let kind = part.get("type").and_then(Node::text).unwrap_or_default();
        Ok(Some(match &*kind {
            "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
                Block::Text(part.word("text"))
            }
            "refusal" => Block::Text(part.word("refusal")),
            "input_image" => Block::Image(image(part, path)?),
            "input_file" => Block::File(file(part, path)?),
            "encrypted_content" => {
                self.rewrites.push("dropped encrypted_content".to_owned());
                return Ok(None);
            }
            _ => {
                let Some(text) = part.get("text").and_then(Node::string) else {
                    let message = format!("parts of type \"{kind}\" cannot be sent to this model");
                    return Err(InvalidRequest::new(message, path()));
                };
                self.rewrites.push(format!("{kind} sent as text"));
                Block::Text(text)
            }
        }))
    }
}

fn add_tools<'d, 'a>(offered: &mut Offered<'d, 'a>, item: Node<'d, 'a>) {
    for tool in item.get("tools").into_iter().flat_map(Node::items) {
        offered.add(tool);
    }
}

fn call_id<'a>(item: Node<'_, 'a>) -> Inside<'a> {
    let id = item.word("call_id");
    if id.is_empty() { item.word("id") } else { id }
}

fn own_name<'a>(item: Node<'_, 'a>) -> Inside<'a> {
    tools::flat(&item.word("namespace"), item.word("name"))
}

/// Whether text, given as an inside, is nothing but white space in Python's sense.
pub(super) fn is_blank(inside: &str) -> bool {
    let is_space = |character: char| character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character);
    unescape_json(inside).chars().all(is_space)
}

fn is_results(turn: &Turn<'_, '_>) -> bool {
    !turn.blocks.is_empty() && turn.blocks.iter().all(|block| matches!(block, Block::ToolResult(_)))
}

/// Adds a block; a carrier that came after its reasoning was closed goes back to it.
fn join<'a>(blocks: &mut Vec<Block<'a>>, block: Block<'a>) {
    if let Block::Reasoning(late) = &block
        && !late.carrier.is_empty()
        && late.text.is_empty()
    {
        let open = blocks.iter_mut().rev().find_map(|old| match old {
            Block::Reasoning(old) if !old.text.is_empty() && old.carrier.is_empty() => Some(old),
            _ => None,
        });
        if let Some(open) = open {
            open.carrier.clone_from(&late.carrier);
            return;
        }
    }
    blocks.push(block);
}

fn image<'a>(part: Node<'_, 'a>, path: Path<'_>) -> Result<Image<'a>> {
    let url = part.get("image_url");
    let nested = url.filter(|url| url.kind() == Kind::Object).map(|url| url.word("url"));
    let url = nested.or_else(|| url.and_then(Node::string)).unwrap_or_default();
    if url.is_empty() {
        let message = "files are not stored here: send the picture as a data URL";
        return Err(InvalidRequest::new(message, format!("{}.image_url", path())));
    }
    Ok(Image { url, detail: part.word("detail") })
}

fn file<'a>(part: Node<'_, 'a>, path: Path<'_>) -> Result<File<'a>> {
    let mut data = part.word("file_data");
    if data.is_empty() {
        let message = "files are not stored here: send the document itself";
        return Err(InvalidRequest::new(message, format!("{}.file_data", path())));
    }
    let mut media_type = Cow::Borrowed("application/pdf");
    if let Some(url) = data.strip_prefix("data:") {
        let (head, rest) = url.split_once(',').unwrap_or((url, ""));
        let named = head.split(';').next().unwrap_or_default();
        if !named.is_empty() {
            media_type = Cow::Owned(named.to_owned());
        }
        data = Cow::Owned(rest.to_owned());
    }
    Ok(File { data: mem::take(&mut data), media_type, name: part.word("filename") })
}
