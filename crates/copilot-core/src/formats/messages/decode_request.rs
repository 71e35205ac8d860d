//! An Anthropic request into a conversation (compat.md 4.1, 4.3; D-T4 to D-T11, D-T26).

use std::borrow::Cow;

use super::mend_system::{BILLING_LINE, BILLING_REWRITE};
use crate::{
    base64_text,
    canonical::{
        AnswerContext, Block, Conversation, Decoded, File, Image, Inside, Members, Reasoning, Role, Thinking,
        Tool, ToolCall, ToolResult, Turn, Value, choice_of,
    },
    carriers,
    formats::chat::frames::count,
    look::Look as _,
    text::{Kind, Node, Tree, escape, escape_json_text},
    validation::{InvalidRequest, is_filled},
};

const READ: [&str; 15] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "metadata",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
];
/// Members whose loss costs tokens at most.
const HARMLESS: [&str; 2] = ["context_management", "cache_control"];
const TOOL_MEMBERS: [&str; 5] = ["name", "description", "input_schema", "type", "cache_control"];
const OPTIONS: [(&str, &str); 6] = [
    ("max_tokens", "max_tokens"),
    ("stop_sequences", "stop"),
    ("stream", "stream"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
];
/// Blocks that have no chat form and whose loss a model can bear; they are left out and accounted for.
const INVISIBLE: [&str; 6] = [
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
            let word = if HARMLESS.iter().any(|harmless| name.is(harmless)) { "removed" } else { "dropped" };
            rewrites.push(format!("{word} {}", name.text().unwrap_or_default()));
        }
    }
    let config = root.get("output_config");
    let format = config.and_then(|config| config.get("format")).or_else(|| root.get("output_format"));
    options.0.extend(response_format(format).map(|form| ("response_format".into(), form.into())));
    let effort = config.map(|config| config.word("effort")).unwrap_or_default();
    let thinking = thinking(root.get("thinking"), effort);
    let mut seen = std::collections::HashSet::new();
    rewrites.retain(|rewrite| seen.insert(rewrite.clone()));
    let model = root.get("model").and_then(Node::string).unwrap_or_default();
    let conversation = Conversation { model, turns, options, tools, tool_choice, parallel_tools, thinking };
    Ok(Decoded { conversation, rewrites, context: AnswerContext::default() })
}

/// What is asked for; a word for the effort says more than a budget.
fn thinking<'d, 'a>(thinking: Option<Node<'d, 'a>>, effort: Inside<'a>) -> Option<Thinking<'d, 'a>> {
    let word = |name: &str| thinking.map(|thinking| thinking.word(name)).unwrap_or_default();
    let (kind, shown) = (word("type"), word("display") != "omitted");
    let summary = shown.then(|| Value::Tree(Tree::word("auto")));
    match &*kind {
        "disabled" => Some(Thinking { effort: Cow::Borrowed("none"), ..Thinking::default() }),
        "enabled" | "adaptive" if !effort.is_empty() => {
            Some(Thinking { effort, summary, ..Thinking::default() })
        }
        _ if !effort.is_empty() => Some(Thinking { effort, ..Thinking::default() }),
        "enabled" => {
            let budget = count(thinking.and_then(|thinking| thinking.get("budget_tokens")));
            Some(Thinking { budget, summary, ..Thinking::default() })
        }
        "adaptive" => Some(Thinking { adaptive: true, summary, ..Thinking::default() }),
        _ => None,
    }
}

fn response_format<'a>(form: Option<Node<'_, 'a>>) -> Option<Tree<'a>> {
    let form = form.filter(|form| form.word("type") == "json_schema")?;
    let wanted = Tree::object([
        ("name", Tree::word("answer")),
        ("schema", Tree::from(form.get("schema")?)),
        ("strict", Tree::Bool(true)),
    ]);
    Some(Tree::object([("type", Tree::word("json_schema")), ("json_schema", wanted)]))
}

/// The cache mark at the end of a message; others have no place.
fn mark<'d, 'a>(blocks: &[Node<'d, 'a>], rewrites: &mut Vec<String>) -> Option<Value<'d, 'a>> {
    let (last, others) = blocks.split_last()?;
    if others.iter().any(|block| block.get("cache_control").is_some()) {
        rewrites.push("removed cache_control before the end of a message".to_owned());
    }
    last.get("cache_control").filter(|mark| !mark.is_null()).map(Value::Node)
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
    let text = |block: &Node<'d, 'a>| inside(*block, "text").unwrap_or_default();
    let mut blocks: Vec<_> = system.items().collect();
    if blocks.first().is_some_and(|block| text(block).starts_with(BILLING_LINE)) {
        blocks.remove(0);
        rewrites.push(BILLING_REWRITE.to_owned());
    }
    if blocks.is_empty() {
        return Vec::new();
    }
    let texts = blocks.iter().map(|block| Block::Text(text(block))).collect();
    vec![Turn { cache: mark(&blocks, rewrites), ..Turn::new(Role::System, texts, false) }]
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
    let listed: Vec<_> = content.items().collect();
    Ok(Turn { cache: mark(&listed, rewrites), ..Turn::new(role, blocks, false) })
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
        "thinking" => return Ok(reasoning(text("thinking"), text("signature"), false, rewrites)),
        "redacted_thinking" => return Ok(reasoning(Cow::Borrowed(""), text("data"), true, rewrites)),
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
        "document" if file(block).is_some() => Block::File(file(block).unwrap_or_default()),
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

/// A piece of reasoning; a carrier alone is of use only to the model that a tag of ours names.
fn reasoning<'a>(
    text: Inside<'a>,
    carrier: Inside<'a>,
    redacted: bool,
    rewrites: &mut Vec<String>,
) -> Option<Block<'a>> {
    if !text.is_empty() || carriers::read(&carrier).is_some() {
        return Some(Block::Reasoning(Reasoning { text, carrier, redacted }));
    }
    if redacted || !carrier.is_empty() {
        rewrites.push("dropped reasoning of another model".to_owned());
    }
    None
}

/// A document that is no text.
fn file<'a>(block: Node<'_, 'a>) -> Option<File<'a>> {
    let source = block.get("source").filter(|source| source.is_map())?;
    let (data, media_type) = (source.word("data"), source.word("media_type"));
    let is_file = source.word("type") == "base64" && !data.is_empty() && !media_type.is_empty();
    (is_file && !media_type.starts_with("text/")).then(|| File {
        data,
        media_type,
        name: block.word("title"),
    })
}

fn read_result<'a>(block: Node<'_, 'a>, path: Path<'_>, rewrites: &mut Vec<String>) -> Result<Block<'a>> {
    let inner = block.get("content");
    let mut content: Vec<_> = inner.and_then(Node::string).map(Block::Text).into_iter().collect();
    for (number, child) in inner.into_iter().flat_map(Node::items).enumerate() {
        let path = || format!("{}.content[{number}]", path());
        match read_block(child, &path, rewrites)? {
            Some(found @ (Block::Text(_) | Block::Image(_) | Block::File(_))) => content.push(found),
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
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
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
    base64_text::decode(body)
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
        for (member, _) in tool.members() {
            if !TOOL_MEMBERS.iter().any(|known| member.is(known)) {
                rewrites.push(format!("removed {} of tools", member.text().unwrap_or_default()));
            }
        }
        let cache = tool.get("cache_control").filter(|mark| !mark.is_null()).map(Value::Node);
        kept.push(Tool { members, cache, ..Tool::default() });
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
