//! The facts of an Ollama request. No messages, or an empty prompt, ask only that the model be loaded.

use super::options::{cap_of, thinking_of};
use crate::{
    formats::chat::thinking::asks,
    text::{Kind, Node},
    validation::{Cap, Facts, InvalidRequest, given},
};

type Result<T> = std::result::Result<T, InvalidRequest>;

/// Reads the facts; `messages` is 0 where the model is only to be loaded.
pub(crate) fn facts(root: Node<'_, '_>) -> Result<Facts> {
    if root.kind() != Kind::Object {
        return Err(InvalidRequest::new("the body must be a JSON object", ""));
    }
    let model = root.get("model").and_then(Node::text).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| InvalidRequest::new("must be a model name", "model"))?.into_owned();
    check(root, "options", Kind::Object, "must be an object")?;
    let asked = conversation(root)?;
    check(root, "tools", Kind::List, "must be a list")?;
    let agent = matches!(asked.last, "assistant" | "tool");
    Ok(Facts {
        model,
        stream: streams(root),
        vision: asked.pictures,
        agent,
        initiator_reason: if agent {
            format!("last message is of role {}", asked.last)
        } else {
            "last message is the user's".to_owned()
        },
        messages: asked.messages,
        tools: root.get("tools").map_or(0, |tools| tools.items().count()),
        output_cap: if cap_of(root).is_some() { Cap::Set } else { Cap::Absent },
        reasoning: asks(thinking_of(root).as_ref()),
        ..Facts::default()
    })
}

/// Streaming is the default.
pub(super) fn streams(root: Node<'_, '_>) -> bool {
    root.get("stream").is_none_or(|stream| stream.kind() != Kind::False)
}

fn check(object: Node<'_, '_>, name: &str, kind: Kind, message: &str) -> Result<()> {
    match given(object, name) {
        Some(value) if value.kind() != kind => Err(InvalidRequest::new(message, name)),
        _ => Ok(()),
    }
}

/// What is asked.
struct Asked {
    messages: usize,
    pictures: bool,
    /// The role of the last message that counts
    last: &'static str,
}

fn conversation(root: Node<'_, '_>) -> Result<Asked> {
    let nothing = Asked { messages: 0, pictures: false, last: "user" };
    let Some(messages) = root.get("messages") else {
        check(root, "prompt", Kind::String, "must be a string")?;
        check(root, "system", Kind::String, "must be a string")?;
        let pictures = pictures(root, "")?;
        let prompt = root.get("prompt").and_then(Node::string).is_some_and(|prompt| !prompt.is_empty());
        return Ok(Asked { messages: usize::from(prompt || pictures), pictures, ..nothing });
    };
    if messages.is_null() {
        return Ok(nothing);
    }
    if messages.kind() != Kind::List {
        return Err(InvalidRequest::new("must be a list of messages", "messages"));
    }
    let mut asked = nothing;
    for (number, message) in messages.items().enumerate() {
        let path = || format!("messages[{number}]");
        if message.kind() != Kind::Object {
            return Err(InvalidRequest::new("must be an object", path()));
        }
        let role = match &*message.get("role").and_then(Node::string).unwrap_or_default() {
            "system" => "system",
            "user" => "user",
            "assistant" => "assistant",
            "tool" => "tool",
            _ => {
                let wanted = "must be system, user, assistant or tool";
                return Err(InvalidRequest::new(wanted, format!("{}.role", path())));
            }
        };
        if given(message, "content").is_some_and(|content| content.kind() != Kind::String) {
            return Err(InvalidRequest::new("must be a string", format!("{}.content", path())));
        }
        asked.pictures |= pictures(message, &format!("{}.", path()))?;
        asked.messages += 1;
        asked.last = if role == "system" { asked.last } else { role };
    }
    Ok(asked)
}

fn pictures(value: Node<'_, '_>, path: &str) -> Result<bool> {
    match given(value, "images") {
        Some(images) if images.kind() != Kind::List => {
            Err(InvalidRequest::new("must be a list", format!("{path}images")))
        }
        images => Ok(images.is_some_and(|images| images.items().next().is_some())),
    }
}
