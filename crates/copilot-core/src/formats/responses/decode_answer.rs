//! A whole Responses answer into the canonical one (upstream.md 5.3).

use std::borrow::Cow;

use super::{
    frames::{is_call, part_text, reason_of, usage_of},
    seals,
};
use crate::{
    canonical::{Answer, Block, Finish, Inside, Reasoning, ToolCall},
    formats::chat::frames::{count, invented_id},
    look::Look,
    text::Tree,
    translation::UnusableAnswer,
};

/// Refuses what is no response object, and one that failed.
pub(super) fn check(value: &Tree<'_>) -> Result<(), UnusableAnswer> {
    if !value.is_object() {
        return Err(UnusableAnswer("upstream answered with JSON that is not an object"));
    }
    let status = value.at("status").inside();
    if matches!(status, "failed" | "cancelled") || !value.at("error").members().is_empty() {
        return Err(UnusableAnswer("upstream says that the answer failed"));
    }
    if !value.at("output").is_list() {
        return Err(UnusableAnswer("upstream answered without an answer"));
    }
    Ok(())
}

pub(crate) fn decode_answer(mut response: Tree<'_>) -> Result<Answer<'_>, UnusableAnswer> {
    check(&response)?;
    let output = match response.take("output") {
        Some(Tree::List(output)) => output,
        _ => Vec::new(),
    };
    let mut blocks = Vec::new();
    let mut calls = 0;
    for mut item in output.into_iter().filter(Tree::is_object) {
        let kind = item.at("type").inside().to_owned();
        if kind == "message" {
            let said: String = item.at("content").items().iter().map(part_text).collect();
            if !said.is_empty() {
                blocks.push(Block::Text(Cow::Owned(said)));
            }
        } else if kind == "reasoning" {
            let text: Inside<'_> = Cow::Owned(seals::thought(&item));
            let carrier = taken(&mut item, "encrypted_content");
            if !text.is_empty() || !carrier.is_empty() {
                blocks.push(Block::Reasoning(Reasoning { text, carrier, redacted: false }));
            }
        } else if is_call(&kind) {
            blocks.push(Block::ToolCall(call(item, calls, response.at("id").inside())));
            calls += 1;
        }
    }
    let reason = reason_of(Some(&response), "", calls > 0);
    let usage = usage_of(Some(&response), &response);
    let created = count(response.get("created_at")).filter(|created| *created != 0);
    Ok(Answer {
        id: taken(&mut response, "id"),
        model: taken(&mut response, "model"),
        blocks,
        finish: Some(Finish { reason: reason.into(), ..Finish::default() }),
        usage,
        created,
    })
}

fn call<'a>(mut item: Tree<'a>, key: usize, response_id: &str) -> ToolCall<'a> {
    let custom = item.at("type").inside() == "custom_tool_call";
    let mut arguments = taken(&mut item, if custom { "input" } else { "arguments" });
    if arguments.is_empty() && !custom {
        arguments = "{}".into();
    }
    let mut id = taken(&mut item, "call_id");
    if id.is_empty() {
        id = Cow::Owned(invented_id(key, response_id));
    }
    let name = taken(&mut item, "name");
    ToolCall { id, name, arguments, custom, namespace: taken(&mut item, "namespace") }
}

fn taken<'a>(object: &mut Tree<'a>, name: &str) -> Inside<'a> {
    match object.take(name) {
        Some(Tree::Text(inside)) => inside,
        _ => Cow::default(),
    }
}
