//! The facts of a Responses request, or which member is at fault (upstream.md 2.5, 10.2).

use crate::{
    text::{Kind, Node},
    validation::{Cap, Facts, InvalidRequest, given, is_content, is_mcp_tool},
};

type Result<T> = std::result::Result<T, InvalidRequest>;

const STATEFUL: [(&str, &str); 3] = [
    ("previous_response_id", "answers are not stored here: send the whole history in input"),
    ("conversation", "conversations are not stored here: send the whole history in input"),
    ("prompt", "stored prompts are not known here: send the text in input or instructions"),
];

pub(crate) fn facts(root: Node<'_, '_>) -> Result<Facts> {
    if root.kind() != Kind::Object {
        return Err(InvalidRequest::new("the body must be a JSON object", ""));
    }
    let model = root.get("model").and_then(Node::text).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| InvalidRequest::new("must be a model name", "model"))?.into_owned();
    if let Some((member, why)) = STATEFUL.iter().find(|(member, _)| given(root, member).is_some()) {
        return Err(InvalidRequest::new(*why, *member));
    }
    if root.get("background").is_some_and(|value| value.kind() == Kind::True) {
        return Err(InvalidRequest::new("answers are not made in the background here", "background"));
    }
    let input = root.get("input");
    let items: Vec<_> = match input.map(Node::kind) {
        Some(Kind::String) => Vec::new(),
        Some(Kind::List) => input.into_iter().flat_map(Node::items).collect(),
        _ => return Err(InvalidRequest::new("must be a string or a list of items", "input")),
    };
    for (number, item) in items.iter().enumerate() {
        check_item(*item, number)?;
    }
    if given(root, "instructions").is_some_and(|value| value.kind() != Kind::String) {
        return Err(InvalidRequest::new("must be a string", "instructions"));
    }
    let tools = tools(root)?;
    for member in ["reasoning", "text", "metadata"] {
        if given(root, member).is_some_and(|value| value.kind() != Kind::Object) {
            return Err(InvalidRequest::new("must be an object", member));
        }
    }
    let is_text = input.is_some_and(|input| input.kind() == Kind::String);
    let (agent, initiator_reason) =
        if is_text { (false, "last item is the user's message".to_owned()) } else { initiator(&items) };
    Ok(Facts {
        model,
        stream: root.get("stream").is_some_and(Node::is_truthy),
        vision: items.iter().any(|item| has_picture(*item)),
        agent,
        initiator_reason,
        messages: if is_text { 1 } else { items.len() },
        tools: tools.map_or(0, |tools| tools.items().count()),
        output_cap: match root.get("max_output_tokens") {
            None => Cap::Absent,
            Some(cap) if cap.is_null() => Cap::Null,
            Some(_) => Cap::Set,
        },
        has_mcp_tool: tools.is_some_and(|tools| tools.items().any(has_mcp_tool)),
        reasoning: wants_reasoning(root.get("reasoning")),
        ..Facts::default()
    })
}

/// The type of an item that was accepted.
pub(super) fn kind_of<'a>(item: Node<'_, 'a>) -> std::borrow::Cow<'a, str> {
    item.get("type").map_or("message".into(), |kind| kind.text().unwrap_or_default())
}

fn check_item(item: Node<'_, '_>, number: usize) -> Result<()> {
    let fault =
        |message: &str, member: &str| Err(InvalidRequest::new(message, format!("input[{number}]{member}")));
    if item.kind() != Kind::Object {
        return fault("must be an object", "");
    }
    if item.get("type").is_some_and(|kind| kind.kind() != Kind::String) {
        return fault("must be a string", ".type");
    }
    let strings: &[&str] = match &*kind_of(item) {
        "message" => {
            let roles = ["user", "assistant", "system", "developer"];
            if !item.get("role").is_some_and(|role| roles.iter().any(|known| role.is(known))) {
                return fault("must be user, assistant, system or developer", ".role");
            }
            return check_content(item, "content", number);
        }
        "item_reference" => {
            return fault("items are not stored here: send whole items (SDKs do with `store: false`)", "");
        }
        "function_call" => &["call_id", "name", "arguments"],
        "custom_tool_call" => &["call_id", "name", "input"],
        "function_call_output" | "custom_tool_call_output" => &["call_id"],
        _ => return Ok(()),
    };
    for member in strings {
        if item.get(member).is_none_or(|value| value.kind() != Kind::String) {
            return fault("must be a string", &format!(".{member}"));
        }
    }
    if strings.len() == 1 { check_content(item, "output", number) } else { Ok(()) }
}

fn check_content(item: Node<'_, '_>, member: &str, number: usize) -> Result<()> {
    let path = || format!("input[{number}].{member}");
    let Some(content) = item.get(member).filter(|content| is_content(*content)) else {
        return Err(InvalidRequest::new("must be a string or a list of parts", path()));
    };
    for (place, part) in content.items().enumerate() {
        if part.kind() != Kind::Object {
            return Err(InvalidRequest::new("must be an object", format!("{}[{place}]", path())));
        }
        if part.get("type").is_none_or(|kind| kind.kind() != Kind::String) {
            return Err(InvalidRequest::new("must be a string", format!("{}[{place}].type", path())));
        }
    }
    Ok(())
}

fn tools<'d, 'a>(root: Node<'d, 'a>) -> Result<Option<Node<'d, 'a>>> {
    let Some(tools) = given(root, "tools") else {
        return Ok(None);
    };
    if tools.kind() != Kind::List {
        return Err(InvalidRequest::new("must be a list", "tools"));
    }
    for (number, tool) in tools.items().enumerate() {
        if tool.kind() != Kind::Object {
            return Err(InvalidRequest::new("must be an object", format!("tools[{number}]")));
        }
        if tool.get("type").is_none_or(|kind| kind.kind() != Kind::String) {
            return Err(InvalidRequest::new("must be a string", format!("tools[{number}].type")));
        }
    }
    Ok(Some(tools))
}

/// Judged by the last item; what the program says in the developer's name starts no turn.
fn initiator(items: &[Node<'_, '_>]) -> (bool, String) {
    for item in items.iter().rev() {
        let kind = kind_of(*item);
        if kind != "message" {
            return (true, format!("last item is of type {kind}"));
        }
        match item.get("role").and_then(Node::text).as_deref() {
            Some("system" | "developer") => {}
            Some("user") => return (false, "last item is the user's message".to_owned()),
            _ => return (true, "last item is the assistant's message".to_owned()),
        }
    }
    (false, "no item but system messages".to_owned())
}

fn has_picture(item: Node<'_, '_>) -> bool {
    ["content", "output"]
        .iter()
        .filter_map(|member| item.get(member))
        .any(|parts| parts.items().any(|part| part.get("type").is_some_and(|kind| kind.is("input_image"))))
}

fn has_mcp_tool(tool: Node<'_, '_>) -> bool {
    is_mcp_tool(tool)
        || tool.get("tools").is_some_and(|nested| {
            nested.items().any(|inner| inner.kind() == Kind::Object && has_mcp_tool(inner))
        })
}

fn wants_reasoning(reasoning: Option<Node<'_, '_>>) -> bool {
    let Some(wanted) = reasoning.filter(|wanted| wanted.kind() == Kind::Object) else {
        return false;
    };
    !wanted.get("effort").is_some_and(|effort| effort.is("none"))
        && ["effort", "summary"].iter().any(|member| given(wanted, member).is_some())
}
