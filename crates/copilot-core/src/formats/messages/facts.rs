//! The facts of an Anthropic request.

use crate::{
    formats::chat::facts::{common, model_and_messages},
    text::{Kind, Node, trim_start},
    validation::{Facts, InvalidRequest, Path, backwards, given, is_content, is_filled},
};

type Result<T> = std::result::Result<T, InvalidRequest>;

pub(crate) fn facts(root: Node<'_, '_>) -> Result<Facts> {
    let (model, messages) = model_and_messages(root)?;
    for (number, message) in messages.items().enumerate() {
        check_message(message, number)?;
    }
    check_members(root)?;
    let (agent, initiator_reason) = initiator(messages);
    let reasoning = asks_for_reasoning(root);
    Ok(Facts { agent, initiator_reason, reasoning, ..common(root, model, messages, "image") })
}

fn asks_for_reasoning(root: Node<'_, '_>) -> bool {
    if let Some(thinking) = root.get("thinking").filter(|thinking| thinking.kind() == Kind::Object) {
        return thinking.get("type").is_some_and(|kind| kind.is("enabled") || kind.is("adaptive"));
    }
    let effort = root.get("output_config").and_then(|config| config.get("effort"));
    effort.is_some_and(|effort| !effort.is_null() && !effort.is("") && !effort.is("none"))
}

fn check_message(message: Node<'_, '_>, number: usize) -> Result<()> {
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

fn check_members(root: Node<'_, '_>) -> Result<()> {
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

fn initiator(messages: Node<'_, '_>) -> (bool, String) {
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
