//! Tools and the choice among them, of a chat request (upstream.md 4.1, 10.1).

use super::decode_messages::cache_of;
use crate::{
    canonical::{self, Inside, Members, Tool, Value},
    text::{Kind, Node, Tree},
    validation::{InvalidRequest, given, is_filled},
};

type Result<T> = std::result::Result<T, InvalidRequest>;

const FUNCTION: [&str; 4] = ["name", "description", "parameters", "strict"];
const SILENT: [&str; 3] = ["type", "cache_control", "copilot_cache_control"];

fn list<'d, 'a>(root: Node<'d, 'a>, name: &str) -> Result<Option<Node<'d, 'a>>> {
    match given(root, name) {
        Some(list) if list.kind() != Kind::List => Err(InvalidRequest::new("must be a list", name)),
        list => Ok(list),
    }
}

/// The tools, `None` when there are none.
pub(super) fn tools_of<'d, 'a>(
    root: Node<'d, 'a>,
    rewrites: &mut Vec<String>,
) -> Result<Option<Vec<Tool<'d, 'a>>>> {
    let (tools, functions) = (list(root, "tools")?, list(root, "functions")?);
    if tools.is_none() && functions.is_none() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for (number, tool) in tools.into_iter().flat_map(Node::items).enumerate() {
        found.extend(read_tool(tool, &format!("tools[{number}]"), rewrites)?);
    }
    for (number, function) in functions.into_iter().flat_map(Node::items).enumerate() {
        let path = format!("functions[{number}]");
        if function.kind() != Kind::Object {
            return Err(InvalidRequest::new("must be an object", path));
        }
        found.push(Tool { members: members(function, &path, rewrites)?, ..Tool::default() });
    }
    Ok(Some(found))
}

fn object<'d, 'a>(value: Node<'d, 'a>, name: &str) -> Option<Node<'d, 'a>> {
    value.get(name).filter(|value| value.kind() == Kind::Object)
}

/// An object that is not empty.
fn filled<'d, 'a>(value: Node<'d, 'a>, name: &str) -> Option<Node<'d, 'a>> {
    object(value, name).filter(|value| is_filled(*value))
}

fn read_tool<'d, 'a>(
    tool: Node<'d, 'a>,
    path: &str,
    rewrites: &mut Vec<String>,
) -> Result<Option<Tool<'d, 'a>>> {
    if tool.kind() != Kind::Object {
        return Err(InvalidRequest::new("must be an object", path));
    }
    let kind = tool.get("type");
    let cache = cache_of(tool);
    if let Some(inner) = object(tool, "function") {
        let members = members(inner, &format!("{path}.function"), rewrites)?;
        let cache = cache.filter(|cache| is_filled(*cache)).or_else(|| cache_of(inner)).map(Value::Node);
        return Ok(Some(Tool { members, cache, ..Tool::default() }));
    }
    let cache = cache.map(Value::Node);
    if kind.is_some_and(|kind| kind.is("custom")) {
        let members = custom(filled(tool, "custom").unwrap_or(tool), path)?;
        return Ok(Some(Tool { members, custom: true, cache, ..Tool::default() }));
    }
    if kind.is_none_or(|kind| kind.is("function")) {
        // Some clients send the flat form of the Responses API here.
        return Ok(Some(Tool { members: members(tool, path, rewrites)?, cache, ..Tool::default() }));
    }
    let kind = kind.and_then(Node::text).unwrap_or_default();
    rewrites.push(format!("left out the tool {kind}"));
    Ok(None)
}

fn members<'d, 'a>(
    function: Node<'d, 'a>,
    path: &str,
    rewrites: &mut Vec<String>,
) -> Result<Members<'d, 'a>> {
    named(function, path)?;
    for (key, value) in function.members() {
        let key = key.text().unwrap_or_default();
        if !FUNCTION.contains(&&*key) && !SILENT.contains(&&*key) && !value.is_null() {
            rewrites.push(format!("dropped {key} of a tool"));
        }
    }
    let kept = FUNCTION.into_iter().filter_map(|name| Some((name.into(), given(function, name)?.into())));
    Ok(Members(kept.collect()))
}

fn custom<'d, 'a>(custom: Node<'d, 'a>, path: &str) -> Result<Members<'d, 'a>> {
    named(custom, path)?;
    let kept = ["name", "description"].into_iter();
    let kept = kept.filter_map(|name| Some((name.into(), given(custom, name)?.into())));
    let mut members = Members(kept.collect());
    if let Some(layout) = filled(custom, "format") {
        let format: Value<'d, 'a> = match filled(layout, "grammar") {
            Some(grammar) => {
                let mut flat = Tree::object([("type", Tree::word("grammar"))]);
                for (name, value) in grammar.members() {
                    flat.set_named(name.string().unwrap_or_default(), Tree::from(value));
                }
                flat.into()
            }
            None => layout.into(),
        };
        members.0.push(("format".into(), format));
    }
    Ok(members)
}

fn named(value: Node<'_, '_>, path: &str) -> Result<()> {
    match value.get("name").and_then(Node::string) {
        Some(name) if !name.is_empty() => Ok(()),
        _ => Err(InvalidRequest::new("must be a string", format!("{path}.name"))),
    }
}

/// The choice as chat spells it.
type Choice<'d, 'a> = Option<Value<'d, 'a>>;

/// The choice, and the tools that it leaves.
pub(super) fn choice_of<'d, 'a>(
    root: Node<'d, 'a>,
    tools: Option<Vec<Tool<'d, 'a>>>,
    rewrites: &mut Vec<String>,
) -> Result<(Choice<'d, 'a>, Option<Vec<Tool<'d, 'a>>>)> {
    let mut choice = given(root, "tool_choice");
    if choice.is_none() {
        choice = given(root, "function_call");
        if let Some(legacy) = choice.filter(|choice| choice.kind() == Kind::Object) {
            let name = legacy.get("name").and_then(Node::string).unwrap_or_default();
            return Ok((Some(canonical::choice_of(name).into()), tools));
        }
    }
    let Some(choice) = choice else {
        return Ok((None, tools));
    };
    if choice.kind() == Kind::String {
        return Ok((Some(choice.into()), tools));
    }
    if choice.kind() != Kind::Object {
        return Err(InvalidRequest::new("must be a string or an object", "tool_choice"));
    }
    if choice.get("type").is_some_and(|kind| kind.is("allowed_tools")) {
        let allowed = filled(choice, "allowed_tools").unwrap_or(choice);
        let names: Vec<_> = allowed.get("tools").into_iter().flat_map(Node::items).map(chosen).collect();
        rewrites.push("sent the allowed tools alone".to_owned());
        let mut kept = tools.unwrap_or_default();
        kept.retain(|tool| names.contains(&tool.name()));
        let mode = allowed.get("mode").and_then(Node::string).filter(|mode| !mode.is_empty());
        let mode = Tree::Text(mode.unwrap_or(Inside::Borrowed("auto")));
        return Ok((Some(mode.into()), Some(kept)));
    }
    let name = chosen(choice);
    if name.is_empty() {
        return Err(InvalidRequest::new("must name a function", "tool_choice"));
    }
    Ok((Some(canonical::choice_of(name).into()), tools))
}

fn chosen<'a>(entry: Node<'_, 'a>) -> Inside<'a> {
    let inner = filled(entry, "function").or_else(|| filled(entry, "custom")).unwrap_or(entry);
    inner.get("name").and_then(Node::string).unwrap_or_default()
}
