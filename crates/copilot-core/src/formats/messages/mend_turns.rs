//! The conversation of a request in Anthropic's form (upstream.md 6.2, clients.md 1).

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::draft::{Draft, Log, has_beta};
use crate::{
    carriers,
    plans::RequestPlan,
    text::{Tree, code_points, trim_start, unescape_json},
};

/// What the user says where the conversation ends with the assistant: upstream takes no prefilled answer.
const GO_ON: &str = "Please continue.";

pub(crate) const FOLDED: &str = "system messages within the conversation sent as the user's";
pub(crate) const LEGAL_IDS: &str = "tool call ids sent in the form upstream takes";
const SEARCH_BLOCKS: [&str; 2] = ["server_tool_use", "tool_search_tool_result"];
const SERVER_BLOCKS: [&str; 10] = [
    "server_tool_use",
    "tool_search_tool_result",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
];
const DIGITS: usize = 8;

/// Mends `messages`.
pub(crate) fn mend(draft: &mut Draft<'_, '_>) {
    let Some(Tree::List(messages)) = draft.request.get_mut("messages") else {
        return;
    };
    let (log, plan) = (&mut draft.log, draft.plan);
    let several = messages.len() > 1;
    let mut moved = false;
    messages.retain_mut(|message| {
        if !message.is_object() {
            return true;
        }
        if let Some(Tree::List(blocks)) = message.get_mut("content") {
            mend_blocks(log, plan, blocks);
        }
        if message.at("role").inside() == "system" {
            message.set("role", Tree::word("user"));
            let blocks = reminders(message.get_mut("content").map(std::mem::take));
            message.set("content", Tree::List(blocks));
            moved = true;
            log.touch("messages", FOLDED);
        }
        let leaves = several && is_empty(message);
        if leaves {
            moved = true;
            log.touch("messages", "removed empty messages");
        }
        !leaves
    });
    if moved {
        *messages = merged(std::mem::take(messages));
    }
    if messages.last().is_some_and(|last| last.at("role").inside() == "assistant") {
        let content = Tree::List(vec![text_block(Cow::Borrowed(GO_ON))]);
        messages.push(Tree::object([("role", Tree::word("user")), ("content", content)]));
        log.touch("messages", format!("left out prefilling: after the last turn the user says \"{GO_ON}\""));
    }
}

/// A text block.
pub(crate) fn text_block(inside: Cow<'_, str>) -> Tree<'_> {
    Tree::object([("type", Tree::word("text")), ("text", Tree::Text(inside))])
}

/// Whether there is nothing but white space in an inside.
pub(crate) fn is_blank(inside: &str) -> bool {
    trim_start(inside).is_empty()
}

/// A system message as the user's text, marked as Claude Code marks what the program says.
pub(crate) fn reminder(inside: Cow<'_, str>) -> Cow<'_, str> {
    if trim_start(&inside).starts_with("<system-reminder>") {
        return inside;
    }
    Cow::Owned(["<system-reminder>\\n", &inside, "\\n</system-reminder>"].concat())
}

fn reminders(content: Option<Tree<'_>>) -> Vec<Tree<'_>> {
    let mut blocks = listed(content);
    for block in &mut blocks {
        if let Some(Tree::Text(text)) = block.get_mut("text") {
            *text = reminder(std::mem::take(text));
        }
    }
    blocks
}

fn is_empty(message: &Tree<'_>) -> bool {
    match message.at("content") {
        Tree::Text(text) => is_blank(text),
        Tree::List(blocks) => blocks.is_empty(),
        content => *content == Tree::Null,
    }
}

/// Turns of alternating roles; results stay before what else the user says.
fn merged(turns: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let mut merged: Vec<Tree<'_>> = Vec::with_capacity(turns.len());
    for mut turn in turns {
        let Some(last) = merged
            .last_mut()
            .filter(|last| last.is_object() && turn.is_object() && last.at("role") == turn.at("role"))
        else {
            merged.push(turn);
            continue;
        };
        let first = listed(last.get_mut("content").map(std::mem::take));
        let second = listed(turn.take("content"));
        let blocks = if last.at("role").inside() == "assistant" {
            one_thought(first, second)
        } else {
            first.into_iter().chain(second).collect()
        };
        let is_result = |block: &Tree<'_>| kind_of(block) == "tool_result";
        let (mut results, others): (Vec<_>, Vec<_>) = blocks.into_iter().partition(is_result);
        results.extend(others);
        last.set("content", Tree::List(results));
    }
    merged
}

/// Joins two assistant turns; only one may keep its thinking, the one with the tool calls.
fn one_thought<'a>(mut first: Vec<Tree<'a>>, mut second: Vec<Tree<'a>>) -> Vec<Tree<'a>> {
    if first.iter().any(is_thinking) && second.iter().any(is_thinking) {
        let calls = first.iter().any(|block| kind_of(block) == "tool_use");
        if calls { &mut second } else { &mut first }.retain(|block| !is_thinking(block));
    }
    first.append(&mut second);
    first
}

fn listed(content: Option<Tree<'_>>) -> Vec<Tree<'_>> {
    match content {
        Some(Tree::List(blocks)) => blocks,
        Some(Tree::Text(text)) if !is_blank(&text) => vec![text_block(text)],
        _ => Vec::new(),
    }
}

fn kind_of<'t>(block: &'t Tree<'_>) -> &'t str {
    block.at("type").inside()
}

/// Whether a block holds the model's reasoning.
pub(crate) fn is_thinking(block: &Tree<'_>) -> bool {
    matches!(kind_of(block), "thinking" | "redacted_thinking")
}

fn mend_blocks(log: &mut Log, plan: &RequestPlan, blocks: &mut Vec<Tree<'_>>) {
    blocks.retain_mut(|block| !block.is_object() || mend_block(log, plan, block));
}

/// Mends one block; tells whether it stays.
fn mend_block(log: &mut Log, plan: &RequestPlan, block: &mut Tree<'_>) -> bool {
    let kind = kind_of(block).to_owned();
    match &*kind {
        "text" => {
            if matches!(block.at("text"), Tree::Text(text) if is_blank(text)) {
                log.touch("messages", "removed blank text");
                return false;
            }
        }
        "thinking" => return mend_thought(log, plan, block, "signature"),
        "redacted_thinking" => return mend_thought(log, plan, block, "data"),
        "tool_use" => make_legal(log, block, "id"),
        "tool_result" => {
            make_legal(log, block, "tool_use_id");
            if let Some(Tree::List(blocks)) = block.get_mut("content") {
                mend_blocks(log, plan, blocks);
            }
        }
        "tool_reference" if !has_search(plan) => {
            let text = ["Tool ", block.at("tool_name").inside(), " is available."].concat();
            *block = text_block(Cow::Owned(text));
            log.touch("messages", "tool_reference sent as text");
        }
        _ if SERVER_BLOCKS.contains(&&*kind) && !is_search(plan, &kind, block) => {
            log.touch("messages", format!("dropped {kind}"));
            return false;
        }
        _ => {}
    }
    true
}

fn has_search(plan: &RequestPlan) -> bool {
    has_beta(plan, "advanced-tool-use-")
}

fn is_search(plan: &RequestPlan, kind: &str, block: &Tree<'_>) -> bool {
    let is_call = kind == "server_tool_use";
    SEARCH_BLOCKS.contains(&kind)
        && has_search(plan)
        && (!is_call || block.at("name").inside().starts_with("tool_search"))
}

/// Keeps reasoning only where its carrier is of this model and leg; tells whether it stays.
fn mend_thought(log: &mut Log, plan: &RequestPlan, block: &mut Tree<'_>, member: &'static str) -> bool {
    if plan.without_reasoning {
        log.touch("messages", "dropped reasoning, which upstream refused");
        return false;
    }
    let carrier = block.at(member).inside();
    let mut stays = !carrier.is_empty();
    if carriers::read(carrier).is_some() {
        let own = carriers::fitting(carrier, plan.leg, &plan.target).to_owned();
        stays = !own.is_empty();
        if stays {
            log.touch("messages", "took the gateway's mark off reasoning");
            block.set(member, Tree::Text(Cow::Owned(own)));
        }
    }
    if !stays {
        log.touch("messages", "dropped reasoning of another model");
    }
    stays
}

fn make_legal(log: &mut Log, block: &mut Tree<'_>, member: &str) {
    if let Some(Tree::Text(id)) = block.get_mut(member)
        && let Cow::Owned(legal) = legal_id(id)
    {
        *id = Cow::Owned(legal);
        log.touch("messages", LEGAL_IDS);
    }
}

/// An id that upstream takes, the same one for the same id.
pub(crate) fn legal_id(given: &str) -> Cow<'_, str> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !given.is_empty() && given.bytes().all(is_legal) {
        return Cow::Borrowed(given);
    }
    let legal = |code: u32| u8::try_from(code).ok().filter(|byte| is_legal(*byte)).map_or('_', char::from);
    let mut made: String = code_points(given).map(legal).collect();
    made.push('_');
    for byte in Sha256::digest(unescape_json(given).as_bytes()).iter().take(DIGITS / 2) {
        for half in [byte >> 4, byte & 15] {
            made.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    Cow::Owned(made)
}
