//! Messages of a chat request into turns (upstream.md 4.1, 10.1).

use super::{frames, opaque};
use crate::{
    canonical::{Block, File, Image, Inside, Role, ToolCall, ToolResult, Turn, Value},
    text::{Kind, Node, escape_json_text},
    validation::{InvalidRequest, given},
};

type Result<T> = std::result::Result<T, InvalidRequest>;
type Path<'p> = &'p dyn Fn() -> String;

const CACHE: [&str; 2] = ["cache_control", "copilot_cache_control"];

/// Who a message is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    System,
    User,
    Assistant,
    Tool,
    Function,
}

impl Speaker {
    fn named(role: &str) -> Option<Self> {
        Some(match role {
            "system" | "developer" => Self::System,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            "function" => Self::Function,
            _ => return None,
        })
    }

    /// Whether messages of this speaker have such a member for us.
    fn reads(self, name: &str) -> bool {
        CACHE.contains(&name)
            || matches!(
                (self, name),
                (_, "role" | "content")
                    | (
                        Self::Assistant,
                        "refusal"
                            | "tool_calls"
                            | "function_call"
                            | "reasoning_text"
                            | "reasoning_content"
                            | "reasoning"
                            | "reasoning_opaque"
                    )
                    | (Self::Tool, "tool_call_id" | "name")
                    | (Self::Function, "name")
            )
    }
}

/// The turns.
pub(super) fn turns_of<'d, 'a>(
    messages: Option<Node<'d, 'a>>,
    rewrites: &mut Vec<String>,
) -> Result<Vec<Turn<'d, 'a>>> {
    let mut reader = Reader { turns: Vec::new(), rewrites, custom: Vec::new(), legacy: Vec::new() };
    for (number, message) in messages.into_iter().flat_map(Node::items).enumerate() {
        reader.take(message, &|| format!("messages[{number}]"))?;
    }
    Ok(reader.turns)
}

/// The cache marker of a message, part or tool.
pub(super) fn cache_of<'d, 'a>(value: Node<'d, 'a>) -> Option<Node<'d, 'a>> {
    CACHE.into_iter().find_map(|name| given(value, name))
}

fn word<'a>(object: Node<'_, 'a>, name: &str) -> Inside<'a> {
    object.get(name).and_then(Node::string).unwrap_or_default()
}

/// Collects turns; knows which calls were made, and of what kind.
struct Reader<'r, 'd, 'a> {
    turns: Vec<Turn<'d, 'a>>,
    rewrites: &'r mut Vec<String>,
    /// Ids of calls of freeform tools
    custom: Vec<Inside<'a>>,
    /// Names and ids of calls in the form that had no ids
    legacy: Vec<(Inside<'a>, String)>,
}

impl<'d, 'a> Reader<'_, 'd, 'a> {
    fn take(&mut self, message: Node<'d, 'a>, path: Path<'_>) -> Result<()> {
        let Some(speaker) = Speaker::named(&word(message, "role")) else {
            let wanted = "must be system, developer, user, assistant, tool or function";
            return Err(InvalidRequest::new(wanted, format!("{}.role", path())));
        };
        for (name, value) in message.members() {
            let name = name.text().unwrap_or_default();
            if !speaker.reads(&name) && !value.is_null() {
                self.rewrites.push(format!("dropped {name} of a message"));
            }
        }
        let content = given(message, "content");
        let parts = content.into_iter().flat_map(Node::items);
        let cache = parts.filter_map(cache_of).last().or_else(|| cache_of(message)).map(Value::Node);
        let mut blocks = blocks_of(content, path)?;
        let role = match speaker {
            Speaker::Tool | Speaker::Function => return self.result(message, speaker, blocks, path, cache),
            Speaker::System => Role::System,
            Speaker::User => Role::User,
            Speaker::Assistant => {
                blocks = self.assistant(message, blocks, path)?;
                Role::Assistant
            }
        };
        if role == Role::System && !blocks.iter().all(|block| matches!(block, Block::Text(_))) {
            return Err(InvalidRequest::new(
                "a system message holds text only",
                format!("{}.content", path()),
            ));
        }
        let plain = content.map_or(blocks.is_empty(), |content| content.kind() == Kind::String);
        self.turns.push(Turn { cache, ..Turn::new(role, blocks, plain) });
        Ok(())
    }

    fn assistant(
        &mut self,
        message: Node<'d, 'a>,
        blocks: Vec<Block<'a>>,
        path: Path<'_>,
    ) -> Result<Vec<Block<'a>>> {
        let mut thought = frames::reasoning_text(message);
        if thought.is_empty() {
            thought = word(message, "reasoning");
        }
        let pieces = opaque::unpack(thought, word(message, "reasoning_opaque"));
        let mut found: Vec<_> = pieces.into_iter().map(Block::Reasoning).collect();
        found.extend(
            blocks.into_iter().filter(|block| !matches!(block, Block::Text(text) if text.is_empty())),
        );
        let refusal = word(message, "refusal");
        if !refusal.is_empty() {
            found.push(Block::Text(refusal));
        }
        if let Some(calls) = given(message, "tool_calls") {
            let path = || format!("{}.tool_calls", path());
            if calls.kind() != Kind::List {
                return Err(InvalidRequest::new("must be a list", path()));
            }
            for (number, call) in calls.items().enumerate() {
                found.push(Block::ToolCall(self.call(call, &|| format!("{}[{number}]", path()))?));
            }
        }
        if let Some(legacy) = message.get("function_call").filter(|legacy| legacy.kind() == Kind::Object) {
            let path = || format!("{}.function_call", path());
            let name = name_of(legacy, &path)?;
            let id = format!("call_{}", self.legacy.len());
            self.legacy.push((name.clone(), id.clone()));
            let arguments = arguments_of(legacy, &path)?;
            found.push(Block::ToolCall(ToolCall { id: id.into(), name, arguments, ..ToolCall::default() }));
        }
        Ok(found)
    }

    fn call(&mut self, call: Node<'d, 'a>, path: Path<'_>) -> Result<ToolCall<'a>> {
        if call.kind() != Kind::Object {
            return Err(InvalidRequest::new("must be an object", path()));
        }
        let id = word(call, "id");
        if id.is_empty() {
            return Err(InvalidRequest::new("must be a string", format!("{}.id", path())));
        }
        if let Some(custom) = call.get("custom").filter(|custom| custom.kind() == Kind::Object) {
            self.custom.push(id.clone());
            let name = name_of(custom, &|| format!("{}.custom", path()))?;
            let arguments = word(custom, "input");
            return Ok(ToolCall { id, name, arguments, custom: true, ..ToolCall::default() });
        }
        let path = || format!("{}.function", path());
        let Some(function) = call.get("function").filter(|function| function.kind() == Kind::Object) else {
            return Err(InvalidRequest::new("must be an object", path()));
        };
        let (name, arguments) = (name_of(function, &path)?, arguments_of(function, &path)?);
        Ok(ToolCall { id, name, arguments, ..ToolCall::default() })
    }

    fn result(
        &mut self,
        message: Node<'d, 'a>,
        speaker: Speaker,
        content: Vec<Block<'a>>,
        path: Path<'_>,
        cache: Option<Value<'d, 'a>>,
    ) -> Result<()> {
        let name = word(message, "name");
        let call_id = if speaker == Speaker::Function {
            let made = self.legacy.iter().rev().find(|(called, _)| *called == name);
            let Some((_, id)) = made else {
                let path = format!("{}.name", path());
                return Err(InvalidRequest::new("names no function that was called", path));
            };
            Inside::Owned(id.clone())
        } else {
            let id = word(message, "tool_call_id");
            if id.is_empty() {
                let path = format!("{}.tool_call_id", path());
                return Err(InvalidRequest::new("must be a string", path));
            }
            id
        };
        let custom = self.custom.contains(&call_id);
        let result = Block::ToolResult(ToolResult { call_id, content, custom, name, is_error: false });
        match self.turns.last_mut() {
            Some(last) if last.cache.is_none() && !last.blocks.is_empty() && only_results(last) => {
                last.blocks.push(result);
                last.cache = cache;
            }
            _ => self.turns.push(Turn { cache, ..Turn::new(Role::User, vec![result], false) }),
        }
        Ok(())
    }
}

fn only_results(turn: &Turn<'_, '_>) -> bool {
    turn.blocks.iter().all(|block| matches!(block, Block::ToolResult(_)))
}

fn name_of<'a>(value: Node<'_, 'a>, path: Path<'_>) -> Result<Inside<'a>> {
    let name = word(value, "name");
    if name.is_empty() {
        return Err(InvalidRequest::new("must be a string", format!("{}.name", path())));
    }
    Ok(name)
}

fn arguments_of<'a>(function: Node<'_, 'a>, path: Path<'_>) -> Result<Inside<'a>> {
    let Some(arguments) = given(function, "arguments") else {
        return Ok(Inside::Borrowed("{}"));
    };
    match arguments.kind() {
        Kind::Object => {
            let mut out = String::new();
            escape_json_text(&mut out, &arguments.canonical());
            Ok(Inside::Owned(out))
        }
        Kind::String => {
            let text = arguments.string().unwrap_or_default();
            Ok(if text.is_empty() { Inside::Borrowed("{}") } else { text })
        }
        _ => Err(InvalidRequest::new("must be a string", format!("{}.arguments", path()))),
    }
}

fn blocks_of<'a>(content: Option<Node<'_, 'a>>, path: Path<'_>) -> Result<Vec<Block<'a>>> {
    let Some(content) = content else {
        return Ok(Vec::new());
    };
    if let Some(text) = content.string() {
        return Ok(vec![Block::Text(text)]);
    }
    let parts = content.items().enumerate();
    parts.map(|(number, part)| read_part(part, &|| format!("{}.content[{number}]", path()))).collect()
}

fn read_part<'a>(part: Node<'_, 'a>, path: Path<'_>) -> Result<Block<'a>> {
    let kind = word(part, "type");
    match &*kind {
        "image_url" => return image(part.get("image_url"), &|| format!("{}.image_url", path())),
        "file" => return file(part.get("file"), &|| format!("{}.file", path())),
        "input_audio" => return Err(InvalidRequest::new("audio cannot be sent to this model", path())),
        "refusal" => return Ok(Block::Text(word(part, "refusal"))),
        _ => {}
    }
    if let Some(text) = part.get("text").and_then(Node::string) {
        return Ok(Block::Text(text));
    }
    if kind == "text" {
        return Err(InvalidRequest::new("must be a string", format!("{}.text", path())));
    }
    let kind = part.get("type").and_then(Node::text).unwrap_or_default();
    Err(InvalidRequest::new(format!("parts of type \"{kind}\" cannot be sent to this model"), path()))
}

fn image<'a>(value: Option<Node<'_, 'a>>, path: Path<'_>) -> Result<Block<'a>> {
    if let Some(url) = value.and_then(Node::string).filter(|url| !url.is_empty()) {
        return Ok(Block::Image(Image { url, ..Image::default() }));
    }
    match value.map(|value| (word(value, "url"), word(value, "detail"))) {
        Some((url, detail)) if !url.is_empty() => Ok(Block::Image(Image { url, detail })),
        _ => Err(InvalidRequest::new("must be a string", format!("{}.url", path()))),
    }
}

fn file<'a>(value: Option<Node<'_, 'a>>, path: Path<'_>) -> Result<Block<'a>> {
    let Some(data) = value.and_then(|value| value.get("file_data")).and_then(Node::string) else {
        return Err(InvalidRequest::new("files cannot be referred to by an id: send file_data", path()));
    };
    let name = value.map(|value| word(value, "filename")).unwrap_or_default();
    let found = data
        .split_once(";base64,")
        .and_then(|(head, body)| Some((head.strip_prefix("data:")?.to_owned(), body.to_owned())));
    Ok(Block::File(match found {
        Some((kind, body)) => File { data: body.into(), media_type: kind.into(), name },
        None => File { data, media_type: Inside::Borrowed("application/pdf"), name },
    }))
}
