//! Whole chat answers: choices merged, Anthropic-shaped ones converted, gaps filled (upstream.md 4.3).

use std::borrow::Cow;

use super::frames;
use crate::{
    text::{Members, Tree, escape_json_text},
    translation::UnusableAnswer,
};

/// Makes an answer have exactly one choice; tells whether anything was changed.
///
/// # Errors
///
/// [`UnusableAnswer`] when there is neither a choice nor content (D-H6).
pub(crate) fn normalise(value: &mut Tree<'_>) -> Result<bool, UnusableAnswer> {
    if !value.is_object() {
        return Err(UnusableAnswer("upstream answered with JSON that is not an object"));
    }
    let (all, objects) = (value.at("choices").items().len(), frames::choices_of(&*value).len());
    if objects == 0 {
        *value = from_anthropic(value)?;
        return Ok(true);
    }
    let mut changed = false;
    let id = value.at("id").inside().to_owned();
    if let Some(Tree::List(items)) = value.get_mut("choices") {
        if all > 1 {
            let choices: Vec<_> = std::mem::take(items).into_iter().filter(Tree::is_object).collect();
            items.extend(merge(choices));
            changed = true;
        }
        if let Some(choice) = items.first_mut() {
            changed |= mend(choice, &id);
        }
    }
    for (name, default) in [("object", Tree::word("chat.completion")), ("created", Tree::count(0))] {
        if value.get(name).is_none() {
            value.set(name, default);
            changed = true;
        }
    }
    Ok(changed)
}

fn mend(choice: &mut Tree<'_>, id: &str) -> bool {
    let mut changed = false;
    if !choice.at("message").is_object() {
        choice.set("message", empty_message());
        changed = true;
    }
    if let Some(message) = choice.get_mut("message") {
        changed |= mend_calls(message, id);
    }
    let called = choice.at("message").at("tool_calls").is_filled();
    if called && choice.at("finish_reason").inside() == "stop" {
        choice.set("finish_reason", Tree::word("tool_calls"));
        changed = true;
    }
    changed
}

fn empty_message<'a>() -> Tree<'a> {
    Tree::object([("role", Tree::word("assistant")), ("content", Tree::Null)])
}

fn merge(choices: Vec<Tree<'_>>) -> Option<Tree<'_>> {
    let mut message = empty_message();
    let mut calls = Vec::new();
    let mut reason = Tree::Null;
    for choice in &choices {
        for (name, value) in choice.at("message").members() {
            match &**name {
                "tool_calls" => calls.extend(value.items().iter().cloned()),
                "content" => {
                    let piece = frames::content_text(Some(value));
                    if !piece.is_empty() {
                        let joined = [message.at("content").inside(), &piece].concat();
                        message.set("content", Tree::Text(Cow::Owned(joined)));
                    }
                }
                key if message.get(key).is_none() => message.set_named(name.clone(), value.clone()),
                _ => {}
            }
        }
        let given = choice.at("finish_reason");
        let open = reason == Tree::Null || reason.inside() == "stop";
        if (given.inside() == "tool_calls" || open) && *given != Tree::Null {
            reason = given.clone();
        }
    }
    if !calls.is_empty() {
        message.set("tool_calls", Tree::List(calls));
    }
    let mut first = choices.into_iter().next()?;
    first.set("index", Tree::count(0));
    first.set("message", message);
    first.set("finish_reason", reason);
    Some(first)
}

fn mend_calls(message: &mut Tree<'_>, id: &str) -> bool {
    let mut changed = false;
    let Some(Tree::List(calls)) = message.get_mut("tool_calls") else {
        return false;
    };
    for (number, call) in calls.iter_mut().enumerate() {
        let Some(function) = call.get_mut("function").filter(|function| function.is_object()) else {
            continue;
        };
        if !function.at("arguments").is_filled() {
            function.set("arguments", Tree::word("{}"));
            changed = true;
        }
        if !call.at("id").is_filled() {
            call.set("id", Tree::Text(Cow::Owned(frames::invented_id(number, id))));
            changed = true;
        }
    }
    changed
}

fn finish_reason(stop_reason: &str, called: bool) -> &'static str {
    match stop_reason {
        "end_turn" | "stop_sequence" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ if called => "tool_calls",
        _ => "stop",
    }
}

fn from_anthropic<'a>(value: &Tree<'a>) -> Result<Tree<'a>, UnusableAnswer> {
    let content = value.at("content");
    let is_list = matches!(content, Tree::List(_));
    let counted = *value.at("choices") == Tree::List(Vec::new()) && value.at("usage").is_object();
    if !is_list && !counted {
        return Err(UnusableAnswer("upstream answered without an answer"));
    }
    let mut text: Option<String> = None;
    let mut calls = Vec::new();
    for block in content.items() {
        match block.at("type").inside() {
            "text" => text.get_or_insert_default().push_str(block.at("text").inside()),
            "tool_use" => {
                let input = block.get("input").map_or_else(|| "{}".to_owned(), Tree::to_json);
                let mut arguments = String::with_capacity(input.len() + 16);
                escape_json_text(&mut arguments, &input);
                let function = Tree::object([
                    ("name", block.at("name").clone()),
                    ("arguments", Tree::Text(Cow::Owned(arguments))),
                ]);
                calls.push(Tree::object([
                    ("id", block.at("id").clone()),
                    ("type", Tree::word("function")),
                    ("function", function),
                ]));
            }
            _ => {}
        }
    }
    let called = !calls.is_empty();
    let mut message = empty_message();
    if let Some(text) = text {
        message.set("content", Tree::Text(Cow::Owned(text)));
    } else if !called {
        message.set("content", Tree::word(""));
    }
    if called {
        message.set("tool_calls", Tree::List(calls));
    }
    let reason = finish_reason(value.at("stop_reason").inside(), called);
    let choice = Tree::object([
        ("index", Tree::count(0)),
        ("message", message),
        ("finish_reason", Tree::word(reason)),
    ]);
    let own = |name: &str, default: Tree<'a>| value.get(name).cloned().unwrap_or(default);
    let mut answer: Members<'a> = vec![
        (Cow::Borrowed("id"), own("id", Tree::word(""))),
        (Cow::Borrowed("object"), Tree::word("chat.completion")),
        (Cow::Borrowed("created"), own("created", Tree::count(0))),
        (Cow::Borrowed("model"), own("model", Tree::word(""))),
        (Cow::Borrowed("choices"), Tree::List(vec![choice])),
    ];
    if let Some(usage) = frames::usage_of(value) {
        let usage = Tree::object([
            ("prompt_tokens", Tree::count(usage.input)),
            ("completion_tokens", Tree::count(usage.output)),
            ("total_tokens", Tree::count(usage.input + usage.output)),
        ]);
        answer.push((Cow::Borrowed("usage"), usage));
    }
    Ok(Tree::Object(answer))
}
