//! Tools: function declarations and the choice among them; `OpenAPI` schemas into JSON Schema.

use std::borrow::Cow;

use super::members::{Object, Result, lowered, named, number_of, object_at, objects_at};
use crate::{
    canonical::{Inside, Members, Tool, Value, choice_of as function_named},
    text::{Kind, Node, Tree},
    validation::{InvalidRequest, Path},
};

type Tools<'d, 'a> = Option<Vec<Tool<'d, 'a>>>;

/// The functions on offer; what only Google's servers can run is left out.
pub(super) fn tools_of<'d, 'a>(
    value: Option<Node<'d, 'a>>,
    path: Path<'_>,
    rewrites: &mut Vec<String>,
) -> Result<Tools<'d, 'a>> {
    const DECLARED: [&str; 4] = ["name", "description", "parameters", "parametersJsonSchema"];
    let mut found = Vec::new();
    for (tool, place) in objects_at(value, path)? {
        let servers = tool.others(&["functionDeclarations"]);
        rewrites.extend(servers.map(|name| format!("left out the server tool {name}")));
        let declared = tool.get("functionDeclarations");
        for (function, at) in objects_at(declared, &|| format!("{place}.functionDeclarations"))? {
            let others = function.others(&DECLARED);
            rewrites.extend(others.map(|name| format!("dropped {name} of a function declaration")));
            found.push(declare(&function, &|| at.clone())?);
        }
    }
    Ok((!found.is_empty()).then_some(found))
}

fn declare<'d, 'a>(function: &Object<'d, 'a>, path: Path<'_>) -> Result<Tool<'d, 'a>> {
    let name = function.text("name", path)?;
    if name.is_empty() {
        return Err(InvalidRequest::new("must be a function name", format!("{}.name", path())));
    }
    let mut members = Members(Vec::with_capacity(3));
    members.set("name", Tree::Text(name));
    if let Some(description) = function.get("description") {
        members.set("description", description);
    }
    if let Some(schema) = function.get("parametersJsonSchema") {
        members.set("parameters", schema);
    } else if let Some(schema) = function.get("parameters") {
        members.set("parameters", json_schema(schema));
    }
    Ok(Tool { members, ..Tool::default() })
}

/// The chat `tool_choice` and the tools that may be called.
pub(super) fn choice_of<'d, 'a>(
    value: Option<Node<'d, 'a>>,
    path: Path<'_>,
    tools: Tools<'d, 'a>,
    rewrites: &mut Vec<String>,
) -> Result<(Option<Value<'d, 'a>>, Tools<'d, 'a>)> {
    let config = object_at(value, path)?;
    let others = config.others(&["functionCallingConfig"]);
    rewrites.extend(others.map(|name| format!("dropped toolConfig.{name}")));
    let path = || format!("{}.functionCallingConfig", path());
    let calling = object_at(config.get("functionCallingConfig"), &path)?;
    let others = calling.others(&["mode", "allowedFunctionNames"]);
    rewrites.extend(others.map(|name| format!("dropped functionCallingConfig.{name}")));
    let mode = calling.text("mode", &path)?.to_uppercase();
    let choice = match &*mode {
        "" | "MODE_UNSPECIFIED" => None,
        "AUTO" | "VALIDATED" => Some("auto"),
        "ANY" => Some("required"),
        "NONE" => Some("none"),
        _ => {
            let path = format!("{}.mode", path());
            return Err(InvalidRequest::new("must be AUTO, ANY, NONE or VALIDATED", path));
        }
    };
    let choice = choice.map(|word| Value::Tree(Tree::word(word)));
    let path = || format!("{}.allowedFunctionNames", path());
    let mut allowed = names(calling.get("allowedFunctionNames"), &path)?;
    if mode == "VALIDATED" {
        rewrites.push("function calling mode VALIDATED sent as auto".to_owned());
    }
    if allowed.is_empty() || mode == "NONE" {
        return Ok((choice, tools));
    }
    if mode == "ANY"
        && allowed.len() == 1
        && let Some(name) = allowed.pop()
    {
        return Ok((Some(Value::Tree(function_named(name))), tools));
    }
    rewrites.push("sent only the tools that allowedFunctionNames names".to_owned());
    let mut kept = tools.unwrap_or_default();
    kept.retain(|tool| allowed.contains(&tool.name()));
    Ok((choice, (!kept.is_empty()).then_some(kept)))
}

fn names<'a>(value: Option<Node<'_, 'a>>, path: Path<'_>) -> Result<Vec<Inside<'a>>> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    if let Some(name) = value.string() {
        return Ok(vec![name]);
    }
    let listed: Option<Vec<_>> = value.items().map(Node::string).collect();
    let listed = listed.filter(|_| value.kind() == Kind::List);
    listed.ok_or_else(|| InvalidRequest::new("must be a list of function names", path()))
}

/// An `OpenAPI` schema as JSON Schema: small types, null as a type; plain JSON Schema stays.
pub(super) fn json_schema<'a>(value: Node<'_, 'a>) -> Tree<'a> {
    if value.kind() != Kind::Object {
        return Tree::from(value);
    }
    let mut schema = Vec::new();
    for (name, item) in named(value).iter() {
        let item = *item;
        let made = match &**name {
            "type" if item.is("TYPE_UNSPECIFIED") => continue,
            "type" => type_of(item),
            "properties" | "defs" | "$defs" if item.kind() == Kind::Object => {
                let member = |(key, inner): (Node<'_, 'a>, Node<'_, 'a>)| {
                    (key.string().unwrap_or_default(), json_schema(inner))
                };
                Tree::Object(item.members().into_iter().map(member).collect())
            }
            "anyOf" | "oneOf" | "allOf" | "prefixItems" if item.kind() == Kind::List => {
                Tree::List(item.items().map(json_schema).collect())
            }
            "items" | "additionalProperties" | "not" => json_schema(item),
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties"
            | "minimum" | "maximum" => number_of(item).tree(),
            "nullable" | "propertyOrdering" => continue,
            _ => Tree::from(item),
        };
        schema.push((name.clone(), made));
    }
    let mut schema = Tree::Object(schema);
    if value.get("nullable").is_some_and(|nullable| nullable.kind() == Kind::True) {
        let_be_null(&mut schema);
    }
    schema
}

fn type_of<'a>(value: Node<'_, 'a>) -> Tree<'a> {
    match value.string() {
        Some(word) => Tree::Text(lowered(word)),
        None if value.kind() == Kind::List => Tree::List(value.items().map(type_of).collect()),
        None => Tree::from(value),
    }
}

fn let_be_null(schema: &mut Tree<'_>) {
    if let Some(kind @ Tree::Text(_)) = schema.get_mut("type") {
        *kind = Tree::List(vec![std::mem::take(kind), Tree::Text(Cow::Borrowed("null"))]);
        if let Some(Tree::List(values)) = schema.get_mut("enum") {
            values.push(Tree::Null);
        }
    } else if let Some(Tree::List(choices)) = schema.get_mut("anyOf") {
        choices.push(Tree::object([("type", Tree::word("null"))]));
    }
}
