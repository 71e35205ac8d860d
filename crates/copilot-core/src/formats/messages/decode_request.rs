//! An Anthropic request into a conversation (compat.md 4.1, 4.3; D-T4 to D-T11, D-T26).

use std::borrow::Cow;

use crate::{
    canonical::{
        AnswerContext, Block, Conversation, Decoded, Image, Inside, Members, Reasoning, Role, Tool, ToolCall,
        ToolResult, Turn, Value, choice_of,
    },
    text::{Kind, Node, Tree, escape, escape_json_text},
    validation::{InvalidRequest, is_filled},
};

/// Claude Code's first system block; its text changes with each call, which spoils prompt caches.
const BILLING_LINE: &str = "x-anthropic-billing-header:";

const READ: [&str; 11] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "metadata",
    "tools",
    "tool_choice",
];
const OPTIONS: [(&str, &str); 5] = [
    ("max_tokens", "max_tokens"),
    ("stop_sequences", "stop"),
    ("stream", "stream"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
];
/// Blocks that have no chat form and whose loss a model can bear; they are left out and accounted for.
const INVISIBLE: [&str; 7] = [
    "redacted_thinking",
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "tool_search_tool_result",
    "tool_reference",
];

type Result<T> = std::result::Result<T, InvalidRequest>;
type Path<'p> = &'p dyn Fn() -> String;

/// Returns the conversation and the changes that were made. `root` was accepted by validation.
///
/// # Errors
///
/// [`InvalidRequest`] for blocks that no chat model can be sent.
pub(crate) fn decode_request<'d, 'a>(root: Node<'d, 'a>) -> Result<Decoded<'d, 'a>> {
    let mut rewrites = Vec::new();
    let mut turns = system(root.get("system"), &mut rewrites);
    for (number, message) in root.get("messages").into_iter().flat_map(Node::items).enumerate() {
        turns.push(turn(message, number, &mut rewrites)?);
    }
    let mut options = Members(Vec::with_capacity(6));
    let given = OPTIONS.iter().filter_map(|&(key, name)| Some((name.into(), root.get(key)?.into())));
    options.0.extend(given);
    let user = root.get("metadata").and_then(|value| value.get("user_id"));
    options.0.extend(user.map(|id| ("user".into(), id.into())));
    let tools = tools(root.get("tools"), &mut rewrites);
    let (tool_choice, parallel_tools) = tool_choice(root.get("tool_choice"));
    let tool_choice = tool_choice.map(Value::Tree);
    for (name, _) in root.members() {
        if !READ.iter().any(|read| name.is(read)) {
            rewrites.push(format!("dropped {}", name.text().unwrap_or_default()));
        }
    }
    if root.has_member("cache_control") {
        rewrites.push("dropped cache_control".to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    rewrites.retain(|rewrite| seen.insert(rewrite.clone()));
    let model = root.get("model").and_then(Node::string).unwrap_or_default();
    let conversation =
        Conversation { model, turns, options, tools, tool_choice, parallel_tools, thinking: None };
    Ok(Decoded { conversation, rewrites, context: AnswerContext::default() })
}

fn inside<'a>(object: Node<'_, 'a>, name: &str) -> Option<Inside<'a>> {
    object.get(name).and_then(Node::string)
}

fn system<'d, 'a>(system: Option<Node<'d, 'a>>, rewrites: &mut Vec<String>) -> Vec<Turn<'d, 'a>> {
    let Some(system) = system.filter(|system| is_filled(*system)) else {
        return Vec::new();
    };
    if let Some(text) = system.string() {
        return vec![Turn::new(Role::System, vec![Block::Text(text)], true)];
    }
    let mut texts: Vec<_> = system.items().map(|block| inside(block, "text").unwrap_or_default()).collect();
    if texts.first().is_some_and(|text| text.starts_with(BILLING_LINE)) {
        texts.remove(0);
        rewrites.push("dropped the client's billing line from the system prompt".to_owned());
    }
    if texts.is_empty() {
        return Vec::new();
    }
    vec![Turn::new(Role::System, texts.into_iter().map(Block::Text).collect(), false)]
}

fn turn<'d, 'a>(message: Node<'d, 'a>, number: usize, rewrites: &mut Vec<String>) -> Result<Turn<'d, 'a>> {
    let role = match &*inside(message, "role").unwrap_or_default() {
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => Role::User,
    };
    let Some(content) = message.get("content").filter(|content| !content.is_null()) else {
        return Ok(Turn::new(role, Vec::new(), true));
    };
    if let Some(text) = content.string() {
        return Ok(Turn::new(role, vec![Block::Text(text)], true));
    }
    let mut blocks = Vec::new();
    for (place, block) in content.items().enumerate() {
        blocks.extend(read_block(block, &|| format!("messages[{number}].content[{place}]"), rewrites)?);
    }
    Ok(Turn::new(role, blocks, false))
}

fn read_block<'a>(
    block: Node<'_, 'a>,
    path: Path<'_>,
    rewrites: &mut Vec<String>,
) -> Result<Option<Block<'a>>> {
    let kind = block.get("type").and_then(Node::text).unwrap_or_default();
    let text = |name: &str| inside(block, name).unwrap_or_default();
    Ok(Some(match &*kind {
        "text" => Block::Text(text("text")),
        "thinking" => {
            let thought = text("thinking");
            let reasoning = Reasoning { text: thought, ..Reasoning::default() };
            return Ok((!reasoning.text.is_empty()).then_some(Block::Reasoning(reasoning)));
        }
        "image" => {
            let url = picture(block.get("source"), &|| format!("{}.source", path()))?;
            Block::Image(Image { url, ..Image::default() })
        }
        "tool_use" => {
            let arguments = block.get("input").map_or(Cow::Borrowed("{}"), |input| {
                let json = input.canonical();
                let mut out = String::with_capacity(json.len() + json.len() / 8);
                escape_json_text(&mut out, &json);
                Cow::Owned(out)
            });
            Block::ToolCall(ToolCall { id: text("id"), name: text("name"), arguments, ..ToolCall::default() })
        }
        "tool_result" => read_result(block, path, rewrites)?,
        "document" | "search_result" => {
            rewrites.push(format!("{kind} sent as text"));
            Block::Text(Cow::Owned(document(block, &kind, path)?))
        }
        invisible if INVISIBLE.contains(&invisible) => {
            rewrites.push(format!("dropped {kind}"));
            return Ok(None);
        }
        _ => {
            let Some(text) = inside(block, "text") else {
                let message = format!("blocks of type \"{kind}\" cannot be sent to this model");
                return Err(InvalidRequest::new(message, path()));
            };
            rewrites.push(format!("{kind} sent as text"));
            Block::Text(text)
        }
    }))
}

fn read_result<'a>(block: Node<'_, 'a>, path: Path<'_>, rewrites: &mut Vec<String>) -> Result<Block<'a>> {
    let inner = block.get("content");
    let mut content: Vec<_> = inner.and_then(Node::string).map(Block::Text).into_iter().collect();
    for (number, child) in inner.into_iter().flat_map(Node::items).enumerate() {
        let path = || format!("{}.content[{number}]", path());
        match read_block(child, &path, rewrites)? {
            Some(found @ (Block::Text(_) | Block::Image(_))) => content.push(found),
            Some(Block::Reasoning(thought)) => content.push(Block::Text(thought.text)),
            Some(_) => return Err(InvalidRequest::new("a tool result holds text and images only", path())),
            None => {}
        }
    }
    Ok(Block::ToolResult(ToolResult {
        call_id: inside(block, "tool_use_id").unwrap_or_default(),
        content,
        is_error: block.get("is_error").is_some_and(is_filled),
        ..ToolResult::default()
    }))
}

fn picture<'a>(source: Option<Node<'_, 'a>>, path: Path<'_>) -> Result<Inside<'a>> {
    let Some(source) = source.filter(|source| source.kind() == Kind::Object) else {
        return Err(InvalidRequest::new("must be an object", path()));
    };
    if source.get("type").is_some_and(|kind| kind.is("url"))
        && let Some(url) = inside(source, "url")
    {
        return Ok(url);
    }
    match (inside(source, "media_type"), inside(source, "data")) {
        (Some(media), Some(data)) => Ok(Cow::Owned(["data:", &media, ";base64,", &data].concat())),
        _ => Err(InvalidRequest::new("must hold base64 data with a media_type, or a url", path())),
    }
}

/// Returns the canonical inside of the text of a document.
fn document(block: Node<'_, '_>, kind: &str, path: Path<'_>) -> Result<String> {
    let mut text = inside(block, "title").unwrap_or_default().into_owned();
    if !text.is_empty() {
        text.push_str("\\n\\n");
    }
    if kind == "search_result" {
        text.push_str(&texts(block.get("content"), &|| format!("{}.content", path()))?);
        return Ok(text);
    }
    if let Some(source) = block.get("source") {
        let data = inside(source, "data");
        match (&*inside(source, "type").unwrap_or_default(), data) {
            ("text", Some(data)) => {
                text.push_str(&data);
                return Ok(text);
            }
            ("content", _) => {
                let path = || format!("{}.source.content", path());
                text.push_str(&texts(source.get("content"), &path)?);
                return Ok(text);
            }
            ("base64", Some(data))
                if inside(source, "media_type").is_some_and(|media| media.starts_with("text/")) =>
            {
                let decoded = decode_base64(&data).and_then(|bytes| String::from_utf8(bytes).ok());
                let Some(decoded) = decoded else {
                    let path = format!("{}.source.data", path());
                    return Err(InvalidRequest::new("is not base64 of UTF-8 text", path));
                };
                text.push_str(&escape(&decoded));
                return Ok(text);
            }
            _ => {}
        }
    }
    Err(InvalidRequest::new("only documents with text can be sent to this model", path()))
}

fn texts<'a>(content: Option<Node<'_, 'a>>, path: Path<'_>) -> Result<Inside<'a>> {
    if let Some(text) = content.and_then(Node::string) {
        return Ok(text);
    }
    let found = content.into_iter().flat_map(Node::items).filter_map(|child| child.get("text"));
    let found: Option<Vec<_>> = found.map(Node::string).collect();
    match found {
        Some(found) if !found.is_empty() => Ok(Cow::Owned(found.join("\\n\\n"))),
        _ => Err(InvalidRequest::new("holds no text", path())),
    }
}

/// Padding may be too long, as Python takes it; bits after the last byte are not looked at.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let enough = match body.len() % 4 {
        0 => true,
        2 => padding == 2,
        3 => padding >= 1,
        _ => false,
    };
    if padding > 2 || !enough {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in body.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    Some(out)
}

fn tools<'d, 'a>(tools: Option<Node<'d, 'a>>, rewrites: &mut Vec<String>) -> Option<Vec<Tool<'d, 'a>>> {
    let tools = tools.filter(|tools| tools.kind() == Kind::List)?;
    let (mut kept, mut empty) = (Vec::new(), true);
    for tool in tools.items() {
        empty = false;
        let kind = tool.get("type");
        let schema = tool.get("input_schema");
        let own = kind.is_none_or(|kind| kind.is("custom") || kind.is("function"));
        if !own && schema.is_none() {
            let name = tool.get("name").and_then(Node::text);
            let name = name.or_else(|| kind.and_then(Node::text)).unwrap_or_default();
            rewrites.push(format!("left out the server tool {name}"));
            continue;
        }
        let mut members = Members(Vec::with_capacity(3));
        let named = ["name", "description"].into_iter();
        members.0.extend(named.filter_map(|name| Some((name.into(), tool.get(name)?.into()))));
        members.0.extend(schema.map(|schema| ("parameters".into(), schema.into())));
        kept.push(Tool { members, ..Tool::default() });
    }
    (!kept.is_empty() || empty).then_some(kept)
}

fn tool_choice<'a>(choice: Option<Node<'_, 'a>>) -> (Option<Tree<'a>>, Option<bool>) {
    let Some(choice) = choice.filter(|choice| choice.kind() == Kind::Object) else {
        return (None, None);
    };
    let disabled = choice.get("disable_parallel_tool_use").is_some_and(|value| value.kind() == Kind::True);
    let name = inside(choice, "name").filter(|name| !name.is_empty());
    let chosen = match (&*inside(choice, "type").unwrap_or_default(), name) {
        ("tool", Some(name)) => Some(choice_of(name)),
        ("auto", _) => Some(Tree::word("auto")),
        ("any", _) => Some(Tree::word("required")),
        ("none", _) => Some(Tree::word("none")),
        _ => None,
    };
    (chosen, disabled.then_some(false))
}
