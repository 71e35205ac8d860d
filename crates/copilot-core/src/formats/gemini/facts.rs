//! What the gateway must know of a request; the model and whether to stream are told by its URL.

use super::{
    generation::thinking_of,
    members::{Content, Object, Result, Role, contents_at, named, object_at, objects_at, request_of},
};
use crate::{
    text::{Kind, Node},
    validation::{Cap, Facts},
};

pub(crate) fn facts(root: Node<'_, '_>) -> Result<Facts> {
    let (request, prefix) = request_of(root)?;
    let contents = contents_at(request.get("contents"), &format!("{prefix}contents"))?;
    let (mut tools, mut has_mcp_tool) = (0, false);
    for (tool, place) in objects_at(request.get("tools"), &|| format!("{prefix}tools"))? {
        let declared = tool.get("functionDeclarations");
        for (function, _) in objects_at(declared, &|| format!("{place}.functionDeclarations"))? {
            tools += 1;
            let name = function.get("name").and_then(Node::text);
            has_mcp_tool |= name.is_some_and(|name| name.starts_with("mcp__"));
        }
    }
    let path = || format!("{prefix}generationConfig");
    let config = object_at(request.get("generationConfig"), &path)?;
    let thinking = thinking_of(config.get("thinkingConfig"), &|| format!("{}.thinkingConfig", path()))?;
    let (agent, reason) = contents.last().map_or((false, ""), initiator);
    Ok(Facts {
        vision: contents.iter().any(|content| content.parts.iter().any(|part| is_picture(&part.members))),
        agent,
        initiator_reason: reason.to_owned(),
        messages: contents.len(),
        tools,
        output_cap: if config.get("maxOutputTokens").is_some() { Cap::Set } else { Cap::Absent },
        has_mcp_tool,
        reasoning: thinking.is_some_and(|thinking| thinking.effort != "none"),
        ..Facts::default()
    })
}

fn is_picture(part: &Object<'_, '_>) -> bool {
    let has_kind = |name| {
        let kind = part.get(name).and_then(|data| named(data).get("mimeType")?.text());
        kind.is_some_and(|kind| kind.starts_with("image/"))
    };
    if has_kind("inlineData") || has_kind("fileData") {
        return true;
    }
    let Some(inner) = part.get("functionResponse").and_then(|response| named(response).get("parts")) else {
        return false;
    };
    match inner.kind() {
        Kind::Object => is_picture(&named(inner)),
        _ => inner.items().any(|piece| is_picture(&named(piece))),
    }
}

/// Judged by the last content (upstream.md 2.5).
fn initiator(last: &Content<'_, '_>) -> (bool, &'static str) {
    let has = |name: &str| last.parts.iter().any(|part| part.members.get(name).is_some());
    if last.role == Role::Model {
        return (true, "last content is the model's");
    }
    if has("functionResponse") {
        return (true, "last content is a function response");
    }
    let is_text = |value: Node<'_, '_>| value.kind() == Kind::String;
    if last.parts.iter().any(|part| part.members.get("text").is_some_and(is_text)) {
        return (false, "last content is the user's");
    }
    (true, "last content has no text")
}
