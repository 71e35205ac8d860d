//! A Responses request into a conversation, for legs of another format (upstream.md 5.2, 10.2, 11.3).

use super::{
    items::Reader,
    tools::{self, Offered},
};
use crate::{
    canonical::{Block, Conversation, Decoded, Members, Role, Thinking, Turn},
    look::Look,
    text::{Kind, Node, Tree},
    validation::{InvalidRequest, given, is_filled},
};

/// Members that the response object repeats.
const ECHOED: [&str; 16] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
/// Members that mean nothing for the answer.
pub(super) const TELEMETRY: [&str; 3] = ["client_metadata", "access_programs", "stream_options"];
const OPTIONS: [(&str, &str); 8] = [
    ("max_output_tokens", "max_tokens"),
    ("stream", "stream"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("user", "user"),
    ("service_tier", "service_tier"),
    ("metadata", "metadata"),
    ("prompt_cache_key", "prompt_cache_key"),
];
const READ: [&str; 8] =
    ["model", "input", "store", "include", "previous_response_id", "conversation", "prompt", "background"];
const LOST: [&str; 2] = ["max_tool_calls", "safety_identifier"];
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// Returns the conversation and the changes that were made. `root` was accepted by validation.
///
/// # Errors
///
/// [`InvalidRequest`] for what cannot be sent to another leg.
pub(crate) fn decode_request<'d, 'a>(root: Node<'d, 'a>) -> Result<Decoded<'d, 'a>, InvalidRequest> {
    let listed = given(root, "tools");
    let mut offered = Offered::default();
    for tool in listed.into_iter().flat_map(Node::items) {
        offered.add(tool);
    }
    let mut reader = Reader::default();
    let instructions = root.get("instructions").and_then(Node::string).filter(|text| !text.is_empty());
    reader.turns.extend(instructions.map(|text| Turn::new(Role::System, vec![Block::Text(text)], true)));
    let input = root.get("input");
    if let Some(text) = input.and_then(Node::string) {
        reader.turns.push(Turn::new(Role::User, vec![Block::Text(text)], true));
    }
    for (number, item) in input.into_iter().flat_map(Node::items).enumerate() {
        reader.take(&mut offered, item, number)?;
    }
    let (tool_choice, narrowed) = tools::choice(root.get("tool_choice"), &mut offered);
    let mut rewrites = changes(root);
    rewrites.append(&mut reader.rewrites);
    rewrites.append(&mut offered.rewrites);
    rewrites.extend(narrowed);
    let is_empty_list = listed.is_some_and(|tools| tools.items().next().is_none());
    let tools = (!offered.tools.is_empty() || is_empty_list).then_some(offered.tools);
    let mut context = offered.context;
    context.echo = ECHOED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Tree::from(given(root, name)?).into_owned())))
        .collect();
    let conversation = Conversation {
        model: root.word("model"),
        turns: reader.turns,
        options: options(root),
        tools,
        tool_choice,
        parallel_tools: match root.get("parallel_tool_calls").map(Node::kind) {
            Some(Kind::True) => Some(true),
            Some(Kind::False) => Some(false),
            _ => None,
        },
        thinking: thinking(root.get("reasoning")),
    };
    Ok(Decoded { conversation, rewrites, context })
}

fn options<'d, 'a>(root: Node<'d, 'a>) -> Members<'d, 'a> {
    let mut options = Members::default();
    for (key, name) in OPTIONS {
        if let Some(value) = given(root, key) {
            options.set(name, value);
        }
    }
    if let Some(wanted) = root.get("top_logprobs").filter(|wanted| is_filled(*wanted)) {
        options.set("logprobs", Tree::Bool(true));
        options.set("top_logprobs", wanted);
    }
    let shape = root.get("text");
    if let Some(form) = shape.and_then(|shape| shape.get("format")).filter(|form| form.is_map()) {
        let kind = form.get("type");
        if kind.is_some_and(|kind| kind.is("json_schema")) {
            let names = ["name", "description", "strict", "schema"].into_iter();
            let schema = names.filter_map(|name| Some((name.into(), Tree::from(given(form, name)?))));
            let made = Tree::object([
                ("type", Tree::word("json_schema")),
                ("json_schema", Tree::Object(schema.collect())),
            ]);
            options.set("response_format", made);
        } else if kind.is_some_and(|kind| !kind.is_null() && !kind.is("text")) {
            options.set("response_format", form);
        }
    }
    if let Some(verbosity) = shape.and_then(|shape| given(shape, "verbosity")) {
        options.set("verbosity", verbosity);
    }
    options
}

fn thinking<'d, 'a>(reasoning: Option<Node<'d, 'a>>) -> Option<Thinking<'d, 'a>> {
    let wanted = reasoning?;
    let effort = wanted.word("effort");
    let summary = given(wanted, "summary");
    if effort.is_empty() && summary.is_none() {
        return None;
    }
    let adaptive = effort.is_empty();
    Some(Thinking { effort, budget: None, adaptive, summary: summary.map(Into::into) })
}

fn changes(root: Node<'_, '_>) -> Vec<String> {
    let mut found = Vec::new();
    if root.get("store").is_some_and(|store| store.kind() == Kind::True) {
        found.push("store sent as false: answers are not stored here".to_owned());
    }
    if root.get("truncation").is_some_and(|value| value.is("auto")) {
        found.push("dropped truncation".to_owned());
    }
    for name in root.get("include").into_iter().flat_map(Node::items).filter(|name| !name.is(ENCRYPTED)) {
        found.push(format!("dropped include {}", name.text().unwrap_or_default()));
    }
    let has = |name: &&&str| given(root, name).is_some();
    found.extend(LOST.iter().filter(has).map(|name| format!("dropped {name}")));
    found.extend(TELEMETRY.iter().filter(has).map(|name| format!("withheld {name}")));
    for (name, value) in root.members() {
        let is_read = |list: &[&str]| list.iter().any(|read| name.is(read));
        let known = is_read(&ECHOED)
            || is_read(&TELEMETRY)
            || is_read(&READ)
            || OPTIONS.iter().any(|(option, _)| name.is(option));
        if !known && !value.is_null() {
            found.push(format!("dropped {}", name.text().unwrap_or_default()));
        }
    }
    found
}
