//! Reading the facts out of a body, or saying which member is at fault (D-H1, D-H2, R-17).

use crate::text::{Document, Kind, Node, trim_start};

/// The wire formats that are understood so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `OpenAI` chat completions
    Chat,
    /// Anthropic messages
    Messages,
    /// `OpenAI` embeddings
    Embeddings,
}

/// The body is not a request of its dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// What is wrong, without the path
    pub message: String,
    /// The member at fault, as in `messages[3].content`; empty for the body as a whole
    pub path: String,
}

impl InvalidRequest {
    /// Names the member at fault.
    #[must_use]
    pub fn new(message: impl Into<String>, path: impl Into<String>) -> Self {
        Self { message: message.into(), path: path.into() }
    }
}

impl From<crate::text::ReadError> for InvalidRequest {
    fn from(error: crate::text::ReadError) -> Self {
        Self::new(error.to_string(), "")
    }
}

/// State of a member that limits the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// There is no such member
    Absent,
    /// It is null
    Null,
    /// It has a value
    Set,
}

/// What the gateway must know of a body to decide; see `RequestFacts` of `engine/interfaces.py`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Facts {
    /// The model's name
    pub model: String,
    /// A stream is wanted
    pub stream: bool,
    /// There is a picture
    pub vision: bool,
    /// The last turn is not the user's
    pub agent: bool,
    /// Why
    pub initiator_reason: String,
    /// Number of messages
    pub messages: usize,
    /// Number of tools
    pub tools: usize,
    /// State of `max_tokens`
    pub output_cap: Cap,
    /// There is a `max_completion_tokens`
    pub has_max_completion_tokens: bool,
    /// Some tool's name begins with `mcp__`
    pub has_mcp_tool: bool,
}

type Result<T> = std::result::Result<T, InvalidRequest>;

/// Reads the facts.
///
/// # Errors
///
/// [`InvalidRequest`] naming the member.
pub fn inspect(body: &[u8], dialect: Dialect) -> Result<Facts> {
    inspect_document(&Document::read(body)?, dialect)
}

/// Reads the facts out of a body that was read already.
///
/// # Errors
///
/// As [`inspect`].
pub fn inspect_document(document: &Document<'_>, dialect: Dialect) -> Result<Facts> {
    let root = document.root();
    if dialect == Dialect::Embeddings {
        let model = root.get("model").and_then(Node::text).unwrap_or_default().into_owned();
        return Ok(Facts {
            model,
            stream: false,
            vision: false,
            agent: false,
            initiator_reason: String::new(),
            messages: 0,
            tools: 0,
            output_cap: Cap::Absent,
            has_max_completion_tokens: false,
            has_mcp_tool: false,
        });
    }
    if root.kind() != Kind::Object {
        return Err(InvalidRequest::new("the body must be a JSON object", ""));
    }
    let model = root.get("model").and_then(Node::text).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| InvalidRequest::new("must be a model name", "model"))?.into_owned();
    let messages = root.get("messages").filter(|messages| messages.kind() == Kind::List);
    let messages = messages.ok_or_else(|| InvalidRequest::new("must be a list of messages", "messages"))?;
    let check = if dialect == Dialect::Messages { check_messages_message } else { check_chat_message };
    for (number, message) in messages.items().enumerate() {
        check(message, number)?;
    }
    let tools = root.get("tools");
    if dialect == Dialect::Messages {
        check_messages_members(root)?;
    }
    let (agent, initiator_reason) = if dialect == Dialect::Messages {
        initiator_of_messages(messages)
    } else {
        initiator_of_chat(messages)
    };
    let picture = if dialect == Dialect::Messages { "image" } else { "image_url" };
    Ok(Facts {
        model,
        stream: root.get("stream").is_some_and(Node::is_truthy),
        vision: messages.items().any(|message| has_picture(message, picture)),
        agent,
        initiator_reason,
        messages: messages.items().count(),
        tools: tools.map_or(0, |tools| tools.items().count()),
        output_cap: match root.get("max_tokens") {
            None => Cap::Absent,
            Some(cap) if cap.is_null() => Cap::Null,
            Some(_) => Cap::Set,
        },
        has_max_completion_tokens: root.get("max_completion_tokens").is_some_and(|cap| !cap.is_null()),
        has_mcp_tool: tools.is_some_and(|tools| tools.items().any(is_mcp_tool)),
    })
}

fn is_mcp_tool(tool: Node<'_, '_>) -> bool {
    tool.get("name").and_then(Node::text).is_some_and(|name| name.starts_with("mcp__"))
}

/// The member, unless it is absent or null.
fn given<'d, 'a>(object: Node<'d, 'a>, name: &str) -> Option<Node<'d, 'a>> {
    object.get(name).filter(|value| !value.is_null())
}

fn is_content(value: Node<'_, '_>) -> bool {
    matches!(value.kind(), Kind::String | Kind::List)
}

fn check_chat_message(message: Node<'_, '_>, number: usize) -> Result<()> {
    if message.kind() != Kind::Object {
        return Err(InvalidRequest::new("must be an object", format!("messages[{number}]")));
    }
    let Some(content) = given(message, "content") else {
        return Ok(());
    };
    if !is_content(content) {
        let path = format!("messages[{number}].content");
        return Err(InvalidRequest::new("must be a string, a list of parts or null", path));
    }
    for (place, part) in content.items().enumerate() {
        if part.kind() != Kind::Object {
            let path = format!("messages[{number}].content[{place}]");
            return Err(InvalidRequest::new("must be an object", path));
        }
    }
    Ok(())
}

fn check_messages_message(message: Node<'_, '_>, number: usize) -> Result<()> {
    let path = || format!("messages[{number}]");
    if message.kind() != Kind::Object {
        return Err(InvalidRequest::new("must be an object", path()));
    }
    let role = message.get("role");
    let is_role = |wanted: &str| role.is_some_and(|role| role.is(wanted));
    if !(is_role("user") || is_role("assistant") || is_role("system")) {
        return Err(InvalidRequest::new("must be user, assistant or system", format!("{}.role", path())));
    }
    let content = given(message, "content");
    if content.map_or_else(|| is_role("user"), |content| !is_content(content)) {
        let path = format!("{}.content", path());
        return Err(InvalidRequest::new("must be a string or a list of blocks", path));
    }
    check_blocks(content, &|| format!("{}.content", path()))
}

/// The path of a member is made only when something is wrong with it.
type Path<'p> = &'p dyn Fn() -> String;

fn check_blocks(content: Option<Node<'_, '_>>, path: Path<'_>) -> Result<()> {
    if let Some(content) = content {
        for (number, block) in content.items().enumerate() {
            check_block(block, &|| format!("{}[{number}]", path()))?;
        }
    }
    Ok(())
}

fn check_block(block: Node<'_, '_>, path: Path<'_>) -> Result<()> {
    if block.kind() != Kind::Object {
        return Err(InvalidRequest::new("must be an object", path()));
    }
    let needs = |name: &str| match block.get(name) {
        Some(value) if value.kind() == Kind::String => Ok(value),
        _ => Err(InvalidRequest::new("must be a string", format!("{}.{name}", path()))),
    };
    let kind = needs("type")?;
    if kind.is("text") {
        needs("text")?;
    } else if kind.is("tool_use") {
        needs("name")?;
        needs("id")?;
    } else if kind.is("tool_result") {
        needs("tool_use_id")?;
        let content = given(block, "content");
        if content.is_some_and(|content| !is_content(content)) {
            let path = format!("{}.content", path());
            return Err(InvalidRequest::new("must be a string or a list of blocks", path));
        }
        check_blocks(content, &|| format!("{}.content", path()))?;
    }
    Ok(())
}

/// Whether Python takes a value for true: empty containers are not.
pub(crate) fn is_filled(value: Node<'_, '_>) -> bool {
    match value.kind() {
        Kind::List => value.items().next().is_some(),
        Kind::Object => value.written_members().next().is_some(),
        _ => value.is_truthy(),
    }
}

fn check_messages_members(root: Node<'_, '_>) -> Result<()> {
    if let Some(system) = root.get("system").filter(|system| is_filled(*system)) {
        if !is_content(system) {
            return Err(InvalidRequest::new("must be a string or a list of text blocks", "system"));
        }
        for (number, block) in system.items().enumerate() {
            if !block.get("text").is_some_and(|text| text.kind() == Kind::String) {
                return Err(InvalidRequest::new("must be a text block", format!("system[{number}]")));
            }
        }
    }
    if let Some(tools) = given(root, "tools") {
        if tools.kind() != Kind::List {
            return Err(InvalidRequest::new("must be a list", "tools"));
        }
        for (number, tool) in tools.items().enumerate() {
            if tool.kind() != Kind::Object {
                return Err(InvalidRequest::new("must be an object", format!("tools[{number}]")));
            }
            let is_text = |name| tool.get(name).is_some_and(|value| value.kind() == Kind::String);
            if !is_text("name") && !is_text("type") {
                return Err(InvalidRequest::new("must be a string", format!("tools[{number}].name")));
            }
        }
    }
    for name in ["tool_choice", "metadata"] {
        if given(root, name).is_some_and(|value| value.kind() != Kind::Object) {
            return Err(InvalidRequest::new("must be an object", name));
        }
    }
    Ok(())
}

/// The messages from the last to the first.
fn backwards<'d, 'a>(messages: Node<'d, 'a>) -> impl Iterator<Item = Node<'d, 'a>> {
    let mut items: Vec<_> = messages.items().collect();
    std::iter::from_fn(move || items.pop())
}

/// Judged by the last turn (architecture.md 8, upstream.md 2.5).
fn initiator_of_chat(messages: Node<'_, '_>) -> (bool, String) {
    for message in backwards(messages) {
        let role = message.get("role").and_then(Node::text).unwrap_or_default();
        match &*role {
            "system" | "developer" => {}
            "tool" | "assistant" => return (true, format!("last message is of role {role}")),
            _ => return (false, "last message is the user's".to_owned()),
        }
    }
    (false, "no message but system ones".to_owned())
}

fn initiator_of_messages(messages: Node<'_, '_>) -> (bool, String) {
    // Claude Code puts system messages after tool results (clients.md 1): they start no turn.
    for message in backwards(messages) {
        let is_role = |wanted: &str| message.get("role").is_some_and(|role| role.is(wanted));
        if is_role("system") {
            continue;
        }
        if is_role("assistant") {
            return (true, "last message is the assistant's".to_owned());
        }
        let blocks = || message.get("content").into_iter().flat_map(Node::items);
        let is_kind = |block: Node<'_, '_>, kind: &str| block.get("type").is_some_and(|value| value.is(kind));
        if blocks().any(|block| is_kind(block, "tool_result")) {
            if blocks().all(|block| is_kind(block, "tool_result") || is_kind(block, "image")) {
                return (true, "last message is a tool result".to_owned());
            }
            if blocks().filter(|block| is_kind(*block, "text")).all(is_reminder) {
                return (true, "last message is a tool result with reminders of the program".to_owned());
            }
        }
        return (false, "last message is the user's".to_owned());
    }
    (false, "no message but system ones".to_owned())
}

fn is_reminder(block: Node<'_, '_>) -> bool {
    let text = block.get("text").and_then(Node::string).unwrap_or_default();
    trim_start(&text).starts_with("<system-reminder>")
}

fn has_picture(value: Node<'_, '_>, kind: &str) -> bool {
    match value.kind() {
        Kind::Object => {
            value.get("type").is_some_and(|value| value.is(kind))
                || value.get("content").is_some_and(|content| {
                    content.kind() == Kind::List && content.items().any(|item| has_picture(item, kind))
                })
        }
        Kind::List => value.items().any(|item| has_picture(item, kind)),
        _ => false,
    }
}
