//! Turns as Anthropic messages: roles alternate, each call has its result (upstream.md 6.2).

use std::{borrow::Cow, collections::HashSet};

use super::{
    draft::Log,
    encode_media::{document, picture},
    frames::REDACTED,
    mend_turns::{FOLDED, LEGAL_IDS, is_blank, legal_id, reminder, text_block},
};
use crate::{
    canonical::{Block, Reasoning, Role, ToolCall, ToolResult, Turn, Value},
    carriers,
    plans::RequestPlan,
    text::{Document, Kind, Tree, unescape_json},
    validation::InvalidRequest,
};

const NO_RESULT: &str = "No result was recorded for this call.";
/// What the user says where the conversation begins with the assistant.
const BEGIN: &str = "Please begin.";

type Result<T> = std::result::Result<T, InvalidRequest>;

/// A turn with the role that it is sent in.
struct Sent<'c, 'd, 'a> {
    assistant: bool,
    blocks: Vec<Cow<'c, Block<'a>>>,
    cache: Option<&'c Value<'d, 'a>>,
}

/// The messages.
///
/// # Errors
///
/// [`InvalidRequest`] for what cannot be expressed.
pub(crate) fn encode_turns<'a>(
    turns: &[Turn<'_, 'a>],
    log: &mut Log,
    plan: &RequestPlan,
) -> Result<Vec<Tree<'a>>> {
    let mut calls = Calls::default();
    let mut messages = Vec::new();
    for (number, turn) in alternating(turns, log).into_iter().enumerate() {
        let path = format!("messages[{number}]");
        let mut blocks = if turn.assistant {
            assistant(&turn, log, plan, &mut calls)
        } else {
            user(&turn, log, &mut calls, &path)?
        };
        if let (Some(cache), Some(last)) = (turn.cache, blocks.last_mut()) {
            last.set("cache_control", cache.tree());
        }
        messages.push(message(if turn.assistant { "assistant" } else { "user" }, blocks));
    }
    let leftover = calls.without_result(log);
    if !leftover.is_empty() {
        messages.push(message("user", leftover));
    }
    if messages.first().is_some_and(|first| first.at("role").inside() == "assistant") {
        messages.insert(0, message("user", vec![text_block(Cow::Borrowed(BEGIN))]));
        log.say("put a user turn before the first turn, which was the assistant's");
    }
    Ok(messages)
}

fn message<'a>(role: &'static str, blocks: Vec<Tree<'a>>) -> Tree<'a> {
    Tree::object([("role", Tree::word(role)), ("content", Tree::List(blocks))])
}

/// Turns of alternating roles, each with something in it; a system turn counts as the user's.
fn alternating<'c, 'd, 'a>(turns: &'c [Turn<'d, 'a>], log: &mut Log) -> Vec<Sent<'c, 'd, 'a>> {
    let alone = turns.len() == 1;
    let mut joined = joined(turns.iter().map(|turn| sendable(turn, log, alone)).collect());
    let before = joined.len();
    joined.retain(|turn| turn.blocks.iter().any(|block| !matches!(**block, Block::Reasoning(_))));
    if joined.len() < before {
        log.say("removed empty messages");
    }
    self::joined(joined)
}

/// The turn without what has no form in its role.
fn sendable<'c, 'd, 'a>(turn: &'c Turn<'d, 'a>, log: &mut Log, alone: bool) -> Sent<'c, 'd, 'a> {
    let is_filled = |block: &&'c Block<'a>| !matches!(block, Block::Text(text) if is_blank(text));
    let filled = turn.blocks.iter().filter(is_filled);
    let blocks = match turn.role {
        Role::User => {
            let is_models = |block: &&Block<'_>| matches!(block, Block::Reasoning(_) | Block::ToolCall(_));
            filled.filter(|block| !is_models(block)).map(Cow::Borrowed).collect()
        }
        Role::System => {
            log.say(if alone { "system prompt sent as the user's message" } else { FOLDED });
            let text = |block: &'c Block<'a>| match block {
                Block::Text(text) if alone => Some(Block::Text(text.clone())),
                Block::Text(text) => Some(Block::Text(reminder(text.clone()))),
                _ => None,
            };
            filled.filter_map(text).map(Cow::Owned).collect()
        }
        Role::Assistant => {
            let (fitting, others): (Vec<_>, Vec<_>) = filled
                .partition(|block| !matches!(block, Block::Image(_) | Block::File(_) | Block::ToolResult(_)));
            if !others.is_empty() {
                log.say("left out a picture or file of the assistant's");
            }
            fitting.into_iter().map(Cow::Borrowed).collect()
        }
    };
    Sent {
        assistant: turn.role == Role::Assistant,
        blocks,
        cache: turn.cache.as_ref().filter(|cache| !cache.is_null()),
    }
}

fn joined<'c, 'd, 'a>(turns: Vec<Sent<'c, 'd, 'a>>) -> Vec<Sent<'c, 'd, 'a>> {
    let mut joined: Vec<Sent<'c, 'd, 'a>> = Vec::with_capacity(turns.len());
    for mut turn in turns.into_iter().filter(|turn| !turn.blocks.is_empty()) {
        let Some(last) = joined.last_mut().filter(|last| last.assistant == turn.assistant) else {
            joined.push(turn);
            continue;
        };
        if turn.assistant {
            one_thought(&mut last.blocks, &mut turn.blocks);
        }
        last.blocks.append(&mut turn.blocks);
        last.cache = turn.cache.or(last.cache);
    }
    joined
}

/// Of two answers only one keeps its reasoning, the one with the calls.
fn one_thought<'a>(first: &mut Vec<Cow<'_, Block<'a>>>, second: &mut Vec<Cow<'_, Block<'a>>>) {
    let is_thought = |block: &Cow<'_, Block<'a>>| matches!(**block, Block::Reasoning(_));
    if first.iter().all(is_thought) || !second.iter().any(is_thought) {
        return;
    }
    if first.iter().any(|block| matches!(**block, Block::ToolCall(_))) {
        second.retain(|block| !is_thought(block));
    } else {
        first.retain(|block| !is_thought(block));
    }
}

/// Ids of the calls, and which of the last turn's still wait for a result.
#[derive(Debug, Default)]
struct Calls {
    used: HashSet<String>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: String,
    name: String,
    sent: String,
}

impl Calls {
    /// The id of a call: legal, and no other call's.
    fn add(&mut self, call: &ToolCall<'_>, log: &mut Log) -> String {
        let wanted = if call.id.is_empty() {
            format!("toolu_{}", self.used.len())
        } else {
            legal_id(&call.id).into_owned()
        };
        let mut sent = wanted.clone();
        let mut number = 1;
        while self.used.contains(&sent) {
            number += 1;
            sent = format!("{wanted}_{number}");
        }
        self.used.insert(sent.clone());
        if !call.id.is_empty() && sent != call.id {
            log.say(LEGAL_IDS);
        }
        let (id, name) = (call.id.clone().into_owned(), call.name.clone().into_owned());
        self.waiting.push(Waiting { id, name, sent: sent.clone() });
        sent
    }

    /// The id of the call that a result is of, if one waits for it.
    fn take(&mut self, result: &ToolResult<'_>) -> Option<String> {
        let place = self.waiting.iter().position(|call| {
            if result.call_id.is_empty() {
                result.name.is_empty() || result.name == call.name
            } else {
                call.id == result.call_id
            }
        })?;
        Some(self.waiting.remove(place).sent)
    }

    /// A result for each call that got none.
    fn without_result<'a>(&mut self, log: &mut Log) -> Vec<Tree<'a>> {
        if !self.waiting.is_empty() {
            log.say("added results for tool calls without one");
        }
        let result = |call: Waiting| {
            Tree::object([
                ("type", Tree::word("tool_result")),
                ("tool_use_id", Tree::Text(Cow::Owned(call.sent))),
                ("content", Tree::word(NO_RESULT)),
                ("is_error", Tree::Bool(true)),
            ])
        };
        self.waiting.drain(..).map(result).collect()
    }
}

fn assistant<'a>(
    turn: &Sent<'_, '_, 'a>,
    log: &mut Log,
    plan: &RequestPlan,
    calls: &mut Calls,
) -> Vec<Tree<'a>> {
    let (mut thoughts, mut others) = (Vec::new(), Vec::new());
    for block in &turn.blocks {
        match &**block {
            Block::Reasoning(reasoning) => thoughts.extend(thought(reasoning, log, plan)),
            Block::ToolCall(call) => others.push(Tree::object([
                ("type", Tree::word("tool_use")),
                ("id", Tree::Text(Cow::Owned(calls.add(call, log)))),
                ("name", Tree::Text(call.name.clone())),
                ("input", input(call)),
            ])),
            Block::Text(text) => others.push(text_block(text.clone())),
            _ => {}
        }
    }
    thoughts.append(&mut others);
    thoughts
}

fn thought<'a>(block: &Reasoning<'a>, log: &mut Log, plan: &RequestPlan) -> Option<Tree<'a>> {
    if plan.without_reasoning {
        log.say("dropped reasoning, which upstream refused");
        return None;
    }
    let value = carriers::fitting(&block.carrier, plan.leg, &plan.target);
    if value.is_empty() {
        log.say("dropped reasoning of another model");
        return None;
    }
    let owned = |value: &str| Tree::Text(Cow::Owned(value.to_owned()));
    Some(match value.strip_prefix(REDACTED) {
        Some(data) => Tree::object([("type", Tree::word("redacted_thinking")), ("data", owned(data))]),
        None => Tree::object([
            ("type", Tree::word("thinking")),
            ("thinking", Tree::Text(block.text.clone())),
            ("signature", owned(value)),
        ]),
    })
}

/// Arguments as an object; what is not one is kept under `_raw`.
fn input<'a>(call: &ToolCall<'a>) -> Tree<'a> {
    if call.custom {
        return Tree::object([("input", Tree::Text(call.arguments.clone()))]);
    }
    if is_blank(&call.arguments) {
        return Tree::Object(Vec::new());
    }
    match Document::read(unescape_json(&call.arguments).as_bytes()) {
        Ok(document) if document.root().kind() == Kind::Object => Tree::from(document.root()).into_owned(),
        _ => Tree::object([("_raw", Tree::Text(call.arguments.clone()))]),
    }
}

fn user<'a>(turn: &Sent<'_, '_, 'a>, log: &mut Log, calls: &mut Calls, path: &str) -> Result<Vec<Tree<'a>>> {
    let (mut results, mut others) = (Vec::new(), Vec::new());
    for block in &turn.blocks {
        let Block::ToolResult(result) = &**block else {
            others.extend(content(std::slice::from_ref(&**block), path)?);
            continue;
        };
        let given = calls.take(result);
        let content = content(&result.content, path)?;
        if let Some(given) = given {
            results.push(tool_result(result, given, content));
        } else {
            log.say("a tool result without its call sent as text");
            others.push(text_block(Cow::Borrowed("Result of an earlier tool call:")));
            others.extend(content);
        }
    }
    results.extend(calls.without_result(log));
    results.append(&mut others);
    Ok(results)
}

fn tool_result<'a>(result: &ToolResult<'a>, given: String, mut content: Vec<Tree<'a>>) -> Tree<'a> {
    let mut made =
        Tree::object([("type", Tree::word("tool_result")), ("tool_use_id", Tree::Text(Cow::Owned(given)))]);
    match content.as_mut_slice() {
        [] => {}
        [only] if only.at("type").inside() == "text" => {
            made.set("content", only.take("text").unwrap_or_default());
        }
        _ => made.set("content", Tree::List(content)),
    }
    if result.is_error {
        made.set("is_error", Tree::Bool(true));
    }
    made
}

fn content<'a>(blocks: &[Block<'a>], path: &str) -> Result<Vec<Tree<'a>>> {
    let mut made = Vec::with_capacity(blocks.len());
    for block in blocks {
        match block {
            Block::Text(text) if !is_blank(text) => made.push(text_block(text.clone())),
            Block::Image(image) => made.push(picture(image, path)?),
            Block::File(file) => made.push(document(file, path)?),
            _ => {}
        }
    }
    Ok(made)
}
