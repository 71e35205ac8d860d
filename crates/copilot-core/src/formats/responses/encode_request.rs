//! A conversation into a request for Copilot's Responses endpoint (upstream.md 5.2, 11.3).

use super::{
    input_items::{Writer, text_of},
    limits::{effort_of, fit_cap, fit_effort},
};
use crate::{
    canonical::{Conversation, Role, Tool, Value},
    formats::chat::frames::count,
    plans::RequestPlan,
    text::{Tree, escape},
};

const PASSED: [&str; 4] = ["temperature", "top_p", "user", "prompt_cache_key"];
const WITHOUT_FORM: [&str; 10] = [
    "stop",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "metadata",
    "service_tier",
];
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// Appends the request; returns the changes that were made.
pub(crate) fn encode_request(
    out: &mut String,
    conversation: &Conversation<'_, '_>,
    plan: &RequestPlan,
) -> Vec<String> {
    let mut rewrites = Vec::new();
    let mut request = Tree::object([("model", Tree::word(&conversation.model))]);
    set_input(&mut request, conversation, plan, &mut rewrites);
    set_options(&mut request, conversation, plan, &mut rewrites);
    set_tools(&mut request, conversation, &mut rewrites);
    set_reasoning(&mut request, conversation, plan, &mut rewrites);
    request.set("store", Tree::Bool(false));
    for name in &plan.dropped {
        if drop_member(&mut request, name) {
            rewrites.push(format!("dropped {name}, which the model refuses"));
        }
    }
    request.write(out);
    rewrites
}

/// Removes a member, dotted below the top level; tells whether it was there.
pub(super) fn drop_member(request: &mut Tree<'_>, name: &str) -> bool {
    let mut at = request;
    let mut members = name.split('.').peekable();
    while let Some(member) = members.next() {
        let member = escape(member);
        if members.peek().is_none() {
            return at.take(&member).is_some();
        }
        match at.get_mut(&member) {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    false
}

fn set_input<'c>(
    request: &mut Tree<'c>,
    conversation: &'c Conversation<'_, '_>,
    plan: &RequestPlan,
    rewrites: &mut Vec<String>,
) {
    let turns = &conversation.turns;
    let first = turns.iter().position(|turn| turn.role != Role::System).unwrap_or_default();
    let mut writer = Writer::new(conversation, plan);
    for turn in turns.iter().skip(first) {
        writer.take(turn);
    }
    rewrites.append(&mut writer.rewrites);
    if first > 0 {
        let texts: Vec<_> = turns.iter().take(first).map(|turn| text_of(&turn.blocks)).collect();
        request.set("instructions", Tree::Text(texts.join("\\n\\n").into()));
    }
    request.set("input", Tree::List(writer.items));
}

fn set_options<'c>(
    request: &mut Tree<'c>,
    conversation: &'c Conversation<'_, '_>,
    plan: &RequestPlan,
    rewrites: &mut Vec<String>,
) {
    let given = |name: &str| conversation.options.get(name).filter(|value| !value.is_null());
    let cap = given("max_completion_tokens").or_else(|| given("max_tokens")).map(Value::tree);
    if let Some(cap) = cap.or_else(|| plan.output_cap.map(Tree::count)) {
        let fitted = fit_cap(count(Some(&cap)), plan.traits.as_ref());
        let cap = fitted.as_ref().map_or(cap, |(fitting, _)| Tree::count(*fitting));
        request.set("max_output_tokens", cap);
        rewrites.extend(fitted.map(|(_, change)| change));
    }
    let stream = plan.stream.map(Tree::Bool).or_else(|| given("stream").map(Value::tree));
    if let Some(stream) = stream {
        request.set("stream", stream);
    }
    for name in PASSED {
        if let Some(value) = given(name) {
            request.set(name, value.tree());
        }
    }
    let mut shape = Tree::object([]);
    if let Some(form) = given("response_format").map(Value::tree).filter(Tree::is_object) {
        shape.set("format", format_of(form));
    }
    if let Some(verbosity) = given("verbosity") {
        shape.set("verbosity", verbosity.tree());
    }
    if shape.is_filled() {
        request.set("text", shape);
    }
    let is_false = |value: &Value<'_, '_>| value.tree() == Tree::Bool(false);
    for name in WITHOUT_FORM {
        if given(name).is_some_and(|value| !is_false(value)) {
            rewrites.push(format!("dropped {name}"));
        }
    }
    if given("n").is_some_and(|value| count(Some(&value.tree())) != Some(1)) {
        rewrites.push("dropped n".to_owned());
    }
    if given("store").is_some_and(|value| value.tree() == Tree::Bool(true)) {
        rewrites.push("store sent as false: answers are not stored here".to_owned());
    }
}

fn format_of(mut form: Tree<'_>) -> Tree<'_> {
    if form.at("type").inside() != "json_schema" {
        return form;
    }
    let mut made = Tree::object([("type", Tree::word("json_schema")), ("name", Tree::word("answer"))]);
    if let Some(Tree::Object(members)) = form.take("json_schema") {
        for (name, value) in members {
            made.set_named(name, value);
        }
    }
    made
}

fn set_tools<'c>(request: &mut Tree<'c>, conversation: &'c Conversation<'_, '_>, rewrites: &mut Vec<String>) {
    let choice = conversation.tool_choice.as_ref().map(Value::tree).filter(|choice| *choice != Tree::Null);
    let Some(tools) = conversation.tools.as_ref().filter(|tools| !tools.is_empty()) else {
        if choice.is_some_and(|choice| choice.inside() != "none") {
            rewrites.push("left out tool_choice: there are no tools".to_owned());
        }
        return;
    };
    request.set("tools", Tree::List(tools.iter().map(tool_of).collect()));
    if let Some(choice) = choice {
        request.set("tool_choice", flat_choice(choice));
    }
    if let Some(parallel) = conversation.parallel_tools {
        request.set("parallel_tool_calls", Tree::Bool(parallel));
    }
}

fn tool_of<'c>(tool: &'c Tool<'_, '_>) -> Tree<'c> {
    let mut made = Tree::object([("type", Tree::word(if tool.custom { "custom" } else { "function" }))]);
    for (name, value) in &tool.members.0 {
        if !value.is_null() {
            made.set_named(std::borrow::Cow::Borrowed(name), value.tree());
        }
    }
    if tool.custom {
        return made;
    }
    if made.get("parameters").is_none() {
        let schema = Tree::object([("type", Tree::word("object")), ("properties", Tree::object([]))]);
        made.set("parameters", schema);
    }
    // Without it this format takes a function for strict, which chat does not.
    if made.get("strict").is_none() {
        made.set("strict", Tree::Bool(false));
    }
    made
}

fn flat_choice(mut choice: Tree<'_>) -> Tree<'_> {
    let kind = choice.at("type").inside().to_owned();
    if !matches!(&*kind, "function" | "custom" | "allowed_tools") || !choice.at(&kind).is_object() {
        return choice;
    }
    let mut flat = Tree::object([("type", choice.at("type").clone())]);
    if let Some(Tree::Object(members)) = choice.take(&kind) {
        for (name, value) in members {
            flat.set_named(name, value);
        }
    }
    if let Some(Tree::List(tools)) = flat.get_mut("tools") {
        for tool in tools {
            *tool = flat_choice(std::mem::take(tool));
        }
    }
    flat
}

fn set_reasoning<'c>(
    request: &mut Tree<'c>,
    conversation: &'c Conversation<'_, '_>,
    plan: &RequestPlan,
    rewrites: &mut Vec<String>,
) {
    let include = || Tree::List(vec![Tree::word(ENCRYPTED)]);
    let Some(thinking) = &conversation.thinking else {
        request.set("include", include());
        return;
    };
    let wanted = effort_of(thinking);
    let fitted = fit_effort(&wanted, plan.traits.as_ref());
    // A word that stays is the one that came, whatever it holds.
    let effort = match &fitted {
        Some((fitting, _)) => Tree::word(fitting),
        None if thinking.budget.is_none() => Tree::word(&thinking.effort),
        None => Tree::string(&wanted),
    };
    rewrites.extend(fitted.map(|(_, change)| change));
    if effort.inside() == "none" {
        request.set("reasoning", Tree::object([("effort", effort)]));
        return;
    }
    let mut made = Tree::object([]);
    if effort.is_filled() {
        made.set("effort", effort);
    }
    let summary = thinking.summary.as_ref().filter(|summary| !summary.is_null());
    made.set("summary", summary.map_or(Tree::word("auto"), Value::tree));
    request.set("reasoning", made);
    request.set("include", include());
}
