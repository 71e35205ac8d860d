//! The facts of a chat request.

use super::thinking::{asks, thinking_of};
use crate::{
    text::{Kind, Node},
    validation::{Cap, Facts, InvalidRequest, backwards, given, has_picture, is_content, is_mcp_tool},
};

type Result<T> = std::result::Result<T, InvalidRequest>;

pub(crate) fn facts(root: Node<'_, '_>) -> Result<Facts> {
    let (model, messages) = model_and_messages(root)?;
    for (number, message) in messages.items().enumerate() {
        check_message(message, number)?;
    }
    let (agent, initiator_reason) = initiator(messages);
    let reasoning = asks(thinking_of(root).as_ref());
    Ok(Facts { agent, initiator_reason, reasoning, ..common(root, model, messages, "image_url") })
}

/// The model's name and the list of messages.
pub(crate) fn model_and_messages<'d, 'a>(root: Node<'d, 'a>) -> Result<(String, Node<'d, 'a>)> {
    if root.kind() != Kind::Object {
        return Err(InvalidRequest::new("the body must be a JSON object", ""));
    }
    let model = root.get("model").and_then(Node::text).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| InvalidRequest::new("must be a model name", "model"))?.into_owned();
    let messages = root.get("messages").filter(|messages| messages.kind() == Kind::List);
    let messages = messages.ok_or_else(|| InvalidRequest::new("must be a list of messages", "messages"))?;
    Ok((model, messages))
}

/// What chat and Anthropic's messages say in the same members; the initiator is still to be judged.
pub(crate) fn common(root: Node<'_, '_>, model: String, messages: Node<'_, '_>, picture: &str) -> Facts {
    let tools = root.get("tools");
    Facts {
        model,
        stream: root.get("stream").is_some_and(Node::is_truthy),
        vision: messages.items().any(|message| has_picture(message, picture)),
        messages: messages.items().count(),
        tools: tools.map_or(0, |tools| tools.items().count()),
        output_cap: match root.get("max_tokens") {
            None => Cap::Absent,
            Some(cap) if cap.is_null() => Cap::Null,
            Some(_) => Cap::Set,
        },
        has_max_completion_tokens: root.get("max_completion_tokens").is_some_and(|cap| !cap.is_null()),
        has_mcp_tool: tools.is_some_and(|tools| tools.items().any(is_mcp_tool)),
        ..Facts::default()
    }
}

fn check_message(message: Node<'_, '_>, number: usize) -> Result<()> {
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

/// Judged by the last turn (architecture.md 8, upstream.md 2.5).
fn initiator(messages: Node<'_, '_>) -> (bool, String) {
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
