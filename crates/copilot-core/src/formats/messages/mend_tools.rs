//! Tools and the choice of them, without what upstream refuses (upstream.md 6.2).

use super::draft::{Draft, Log, has_beta, removed};
use crate::{
    plans::RequestPlan,
    text::{Tree, unescape},
};

const BETA: &str = "advanced-tool-use-";
const OF_THE_BETA: [&str; 3] = ["defer_loading", "input_examples", "allowed_callers"];
const COMBINED: [&str; 3] = ["oneOf", "anyOf", "allOf"];

/// Mends `tools` and `tool_choice`.
pub(crate) fn mend(draft: &mut Draft<'_, '_>) {
    let Some(Tree::List(tools)) = draft.request.get_mut("tools") else {
        return;
    };
    let before = tools.len();
    let (log, plan) = (&mut draft.log, draft.plan);
    tools.retain_mut(|tool| {
        let (is_tool, is_server) = (tool.is_object(), is_server_tool(tool));
        if is_tool && is_server && !runs_upstream(plan, tool) {
            log.touch("tools", format!("left out the server tool {}", tool_name(tool)));
            return false;
        }
        if is_tool && !is_server {
            mend_one(log, plan, tool);
        }
        true
    });
    let left = tools.len();
    if left == 0 && before > 0 {
        draft.request.take("tools");
        draft.drop("tool_choice", "dropped tool_choice, since no tool is left");
    } else if left < before {
        let choice = draft.request.at("tool_choice");
        let is_named = |tool: &Tree<'_>| {
            let name = tool.get("name").filter(|name| **name != Tree::Null);
            tool.is_object() && name == choice.get("name").filter(|name| **name != Tree::Null)
        };
        let is_left = draft.request.at("tools").items().iter().any(is_named);
        if choice.at("type").inside() == "tool" && !is_left {
            draft.drop("tool_choice", "dropped tool_choice, whose tool was left out");
        }
    }
}

/// Whether the tool is one that Anthropic runs, or knows the schema of.
fn is_server_tool(tool: &Tree<'_>) -> bool {
    let is_own = match tool.get("type") {
        None | Some(Tree::Null) => true,
        Some(Tree::Text(kind)) => matches!(&**kind, "custom" | "function"),
        Some(_) => false,
    };
    !is_own && tool.get("input_schema").is_none()
}

/// The name of a server tool for people.
fn tool_name(tool: &Tree<'_>) -> String {
    let mut names = ["name", "type"].into_iter().filter_map(|member| match tool.get(member) {
        Some(Tree::Text(name)) => Some(unescape(name).into_owned()),
        _ => None,
    });
    names.next().unwrap_or_else(|| "without a name".to_owned())
}

fn runs_upstream(plan: &RequestPlan, tool: &Tree<'_>) -> bool {
    tool.at("type").inside().starts_with("tool_search_tool_") && has_beta(plan, BETA)
}

fn mend_one(log: &mut Log, plan: &RequestPlan, tool: &mut Tree<'_>) {
    let of_the_beta: &[&str] = if has_beta(plan, BETA) { &[] } else { &OF_THE_BETA };
    for member in ["type", "eager_input_streaming"].iter().chain(of_the_beta) {
        if removed(tool, member) {
            log.touch("tools", format!("removed {member} of tools"));
        }
    }
    let Some(schema) = tool.get_mut("input_schema").filter(|schema| schema.is_object()) else {
        let empty = [("type", Tree::word("object")), ("properties", Tree::Object(Vec::new()))];
        tool.set("input_schema", Tree::object(empty));
        log.touch("tools", "gave an empty schema to tools without one");
        return;
    };
    if removed(schema, "$schema") {
        log.touch("tools", "removed $schema of tools");
    }
    for member in COMBINED {
        if let Some(branches) = schema.take(member) {
            merge_properties(schema, branches);
            log.touch("tools", format!("dropped {member} at the root of a tool's schema"));
        }
    }
    if schema.at("type").inside() != "object" {
        schema.set("type", Tree::word("object"));
        log.touch("tools", "set the type of tools' schemas to object");
    }
}

/// Keeps the properties that the branches name; which of them belong together is lost.
fn merge_properties<'a>(schema: &mut Tree<'a>, branches: Tree<'a>) {
    if !schema.at("properties").is_object() {
        schema.set("properties", Tree::Object(Vec::new()));
    }
    let (Some(properties), Tree::List(branches)) = (schema.get_mut("properties"), branches) else {
        return;
    };
    for mut branch in branches {
        if let Some(Tree::Object(members)) = branch.take("properties") {
            for (name, value) in members {
                if properties.get(&name).is_none() {
                    properties.set_named(name, value);
                }
            }
        }
    }
}
