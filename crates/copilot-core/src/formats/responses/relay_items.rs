//! Items of `input` as Copilot takes them (upstream.md 5.2): no ids, nothing that only Codex knows.

use std::borrow::Cow;

use super::seals;
use crate::{
    carriers,
    plans::RequestPlan,
    text::{Tree, escape_json_text},
};

/// Items of tools that upstream does not have.
const REFUSED: [&str; 10] = [
    "web_search_call",
    "image_generation_call",
    "file_search_call",
    "code_interpreter_call",
    "computer_call",
    "computer_call_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
];
const WITH_ID: [&str; 3] = ["compaction", "compaction_summary", "context_compaction"];
const PRIVATE: &str = "internal_chat_message_metadata_passthrough";

/// Mends items; returns the changes made, none when every item may stay as it is.
pub(super) fn mend<'a>(items: Vec<Tree<'a>>, plan: &RequestPlan) -> (Vec<Tree<'a>>, Vec<String>) {
    let mut changes = Vec::new();
    let kept = items.into_iter().filter_map(|item| mended(item, plan, &mut changes)).collect();
    (kept, changes)
}

fn mended<'a>(mut item: Tree<'a>, plan: &RequestPlan, changes: &mut Vec<String>) -> Option<Tree<'a>> {
    if !item.is_object() {
        return Some(item);
    }
    let kind = item.get("type").map_or("message", Tree::inside).to_owned();
    if REFUSED.contains(&&*kind) {
        changes.push(format!("dropped {kind}"));
        return None;
    }
    match &*kind {
        "reasoning" => {
            if let Some(lost) = loss(&item, plan) {
                changes.push(lost.to_owned());
                return None;
            }
            untag(&mut item, changes);
        }
        "agent_message" => {
            changes.push("sent agent_message as a message".to_owned());
            return Some(agent_message(item));
        }
        "local_shell_call" => {
            changes.push("sent local_shell_call as a function call".to_owned());
            return Some(shell_call(&item));
        }
        _ => {}
    }
    let keeps_id = WITH_ID.contains(&&*kind);
    let had_id = !keeps_id && item.take("id").is_some();
    if item.take(PRIVATE).is_some() | had_id {
        changes.push("item ids not sent".to_owned());
    }
    Some(item)
}

/// Takes the tag off reasoning of this very model that has been with a client of another dialect.
fn untag(item: &mut Tree<'_>, changes: &mut Vec<String>) {
    let found = carriers::read(item.at("encrypted_content").inside()).map(|found| found.value.to_owned());
    if let Some(value) = found {
        item.set("encrypted_content", Tree::Text(Cow::Owned(value)));
        changes.push("reasoning sent as this model made it".to_owned());
    }
}

fn loss(item: &Tree<'_>, plan: &RequestPlan) -> Option<&'static str> {
    let carrier = item.at("encrypted_content").inside();
    if plan.without_reasoning {
        Some("dropped reasoning, which upstream refused")
    } else if carrier.is_empty() {
        Some("dropped reasoning without encrypted_content")
    } else if seals::is_foreign(carrier, plan.leg, &plan.target) {
        Some("dropped reasoning that this model did not make")
    } else {
        None
    }
}

fn agent_message(mut item: Tree<'_>) -> Tree<'_> {
    let content = match item.take("content") {
        Some(text @ Tree::Text(_)) => text,
        Some(Tree::List(parts)) => {
            let parts = parts.into_iter().filter_map(|mut part| match part.take("text") {
                Some(text @ Tree::Text(_)) => {
                    Some(Tree::object([("type", Tree::word("input_text")), ("text", text)]))
                }
                _ => None,
            });
            Tree::List(parts.collect())
        }
        _ => Tree::List(Vec::new()),
    };
    Tree::object([("type", Tree::word("message")), ("role", Tree::word("user")), ("content", content)])
}

fn shell_call<'a>(item: &Tree<'a>) -> Tree<'a> {
    let id = item.at("call_id").inside();
    let id = if id.is_empty() { item.at("id").inside() } else { id };
    let mut arguments = String::new();
    escape_json_text(&mut arguments, &item.at("action").to_json());
    Tree::object([
        ("type", Tree::word("function_call")),
        ("call_id", Tree::Text(Cow::Owned(id.to_owned()))),
        ("name", Tree::word("local_shell")),
        ("arguments", Tree::Text(Cow::Owned(arguments))),
    ])
}
