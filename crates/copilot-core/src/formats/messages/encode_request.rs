//! A conversation into an Anthropic request (upstream.md 6.2, 11.3).

use std::borrow::Cow;

use super::{
    cache_marks,
    draft::Draft,
    encode_turns::encode_turns,
    mend::mend,
    mend_thinking::instruct,
    mend_turns::{is_blank, text_block},
};
use crate::{
    canonical::{Block, Conversation, Members, Role, Thinking, Tool, Turn, Value},
    formats::chat::{
        custom_tools::write_function,
        frames::{count, plain},
    },
    plans::RequestPlan,
    text::{Document, Tree},
    validation::InvalidRequest,
};

const TAKEN: [&str; 9] = [
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "user",
    "response_format",
];
/// Options that change what an answer costs or how it is kept or worded, not what is in it.
const HARMLESS: [&str; 5] = ["store", "prompt_cache_key", "metadata", "service_tier", "verbosity"];

/// Appends the request; returns the changes that were made.
///
/// # Errors
///
/// [`InvalidRequest`] for what cannot be expressed.
pub(crate) fn encode_request(
    out: &mut String,
    conversation: &Conversation<'_, '_>,
    plan: &RequestPlan,
) -> Result<Vec<String>, InvalidRequest> {
    let options = &conversation.options;
    if options.get("n").and_then(|n| count(Some(n.look()))).is_some_and(|n| n > 1) {
        return Err(InvalidRequest::new("one choice at a time can be made", "n"));
    }
    let model = Tree::Text(conversation.model.clone());
    let mut draft = Draft::new(Tree::object([("model", model)]), plan);
    let cap = options.get("max_completion_tokens").or_else(|| options.get("max_tokens"));
    if let Some(cap) = cap.filter(|cap| !cap.is_null()) {
        draft.request.set("max_tokens", cap.tree());
    }
    let (system, turns) = parted(&conversation.turns);
    if !system.is_empty() {
        draft.request.set("system", Tree::List(system));
    }
    let messages = encode_turns(turns, &mut draft.log, plan)?;
    draft.request.set("messages", Tree::List(messages));
    tools(&mut draft, conversation);
    if let Some(thinking) = &conversation.thinking {
        think(&mut draft, thinking);
    }
    if let Some(form) = options.get("response_format") {
        response_format(&mut draft, form);
    }
    put_options(&mut draft, options);
    mend(&mut draft);
    if plan.cache_breakpoints && !cache_marks::has_any(&mut draft.request) {
        cache_marks::add(&mut draft.request);
    }
    draft.request.write(out);
    Ok(draft.log.rewrites)
}

/// The system prompt, and the turns that follow; later system turns stay where they are.
fn parted<'c, 'd, 'a>(turns: &'c [Turn<'d, 'a>]) -> (Vec<Tree<'a>>, &'c [Turn<'d, 'a>]) {
    let leading = turns.iter().take_while(|turn| turn.role == Role::System).count();
    // Someone has to say something.
    let leading = if leading == turns.len() { leading.saturating_sub(1) } else { leading };
    let (system, rest) = turns.split_at_checked(leading).unwrap_or((&[], turns));
    let mut blocks = Vec::new();
    for turn in system {
        let before = blocks.len();
        blocks.extend(turn.blocks.iter().filter_map(|block| match block {
            Block::Text(text) if !is_blank(text) => Some(text_block(text.clone())),
            _ => None,
        }));
        let cache = turn.cache.as_ref().filter(|cache| !cache.is_null() && blocks.len() > before);
        if let (Some(cache), Some(last)) = (cache, blocks.last_mut()) {
            last.set("cache_control", cache.tree());
        }
    }
    (blocks, rest)
}

fn tools<'a>(draft: &mut Draft<'a, '_>, conversation: &Conversation<'_, 'a>) {
    let Some(tools) = conversation.tools.as_ref().filter(|tools| !tools.is_empty()) else {
        return;
    };
    draft.request.set("tools", Tree::List(tools.iter().map(tool).collect()));
    if tools.iter().any(|tool| tool.custom) {
        draft.log.say("sent freeform tools as functions");
    }
    if let Some(choice) = choice(conversation.tool_choice.as_ref(), conversation.parallel_tools) {
        draft.request.set("tool_choice", choice);
    }
}

fn tool<'a>(tool: &Tool<'_, 'a>) -> Tree<'a> {
    let mut members =
        Tree::Object(tool.members.0.iter().map(|(name, value)| (name.clone(), value.tree())).collect());
    if tool.custom {
        members = as_function(tool);
    }
    let mut made = Tree::object([("name", members.take("name").unwrap_or_default())]);
    if let Some(description @ Tree::Text(_)) = members.take("description") {
        made.set("description", description);
    }
    let empty = || Tree::object([("type", Tree::word("object")), ("properties", Tree::Object(Vec::new()))]);
    let schema = members.take("parameters").filter(Tree::is_object);
    made.set("input_schema", schema.unwrap_or_else(empty));
    if let Some(cache) = tool.cache.as_ref().filter(|cache| !cache.is_null()) {
        made.set("cache_control", cache.tree());
    }
    made
}

/// The function that stands for a freeform tool.
fn as_function(tool: &Tool<'_, '_>) -> Tree<'static> {
    let mut text = String::new();
    write_function(&mut text, &tool.members);
    Document::of_text(&text).map_or(Tree::Null, |document| Tree::from(document.root()).into_owned())
}

fn choice<'a>(choice: Option<&Value<'_, 'a>>, parallel: Option<bool>) -> Option<Tree<'a>> {
    let kind = |kind| Tree::object([("type", Tree::word(kind))]);
    let given = choice.map(Value::tree).unwrap_or_default();
    let mut made = match &given {
        Tree::Text(word) => match &**word {
            "auto" => Some(kind("auto")),
            "none" => Some(kind("none")),
            "required" => Some(kind("any")),
            _ => None,
        },
        Tree::Object(_) => match given.at("function").at("name") {
            Tree::Text(name) if !name.is_empty() => {
                Some(Tree::object([("type", Tree::word("tool")), ("name", Tree::Text(name.clone()))]))
            }
            _ if given.at("allowed_tools").at("mode").inside() == "required" => Some(kind("any")),
            _ => None,
        },
        _ => None,
    };
    let is_none = made.as_ref().is_some_and(|made| made.at("type").inside() == "none");
    if parallel == Some(false) && !is_none {
        made.get_or_insert_with(|| kind("auto")).set("disable_parallel_tool_use", Tree::Bool(true));
    }
    made
}

fn think<'a>(draft: &mut Draft<'a, '_>, thinking: &Thinking<'_, 'a>) {
    let asks = !thinking.effort.is_empty() || thinking.budget.is_some() || thinking.adaptive;
    if !asks || thinking.effort == "none" {
        return;
    }
    if matches!(draft.request.at("tool_choice").at("type").inside(), "any" | "tool") {
        draft.log.say("left out thinking, which does not go with a forced tool");
        return;
    }
    if let Some(budget) = thinking.budget {
        let enabled = [("type", Tree::word("enabled")), ("budget_tokens", Tree::count(budget))];
        draft.request.set("thinking", Tree::object(enabled));
        return;
    }
    let mut adaptive = Tree::object([("type", Tree::word("adaptive"))]);
    let has_summary = thinking.summary.as_ref().is_some_and(|summary| !summary.is_null());
    if has_summary || !thinking.effort.is_empty() {
        adaptive.set("display", Tree::word("summarized"));
    }
    draft.request.set("thinking", adaptive);
    if !thinking.effort.is_empty() {
        let effort = Tree::Text(thinking.effort.clone());
        draft.request.set("output_config", Tree::object([("effort", effort)]));
    }
}

fn response_format<'a>(draft: &mut Draft<'a, '_>, form: &Value<'_, 'a>) {
    let form = form.tree();
    match form.at("type").inside() {
        "json_schema" => {
            let schema = closed(form.at("json_schema").at("schema").clone());
            let format = Tree::object([("type", Tree::word("json_schema")), ("schema", schema)]);
            draft.configure("format", format);
        }
        "json_object" => {
            instruct(draft, None);
            draft.log.say("response_format sent as an instruction");
        }
        _ => {}
    }
}

/// A schema whose objects allow no other properties: Anthropic insists on that.
fn closed(schema: Tree<'_>) -> Tree<'_> {
    match schema {
        Tree::List(items) => Tree::List(items.into_iter().map(closed).collect()),
        Tree::Object(members) => {
            let is_object =
                |(name, value): &(Cow<'_, str>, Tree<'_>)| name == "type" && value.inside() == "object";
            let needs = members.iter().any(is_object);
            let mut made =
                Tree::Object(members.into_iter().map(|(name, value)| (name, closed(value))).collect());
            if needs {
                made.set("additionalProperties", Tree::Bool(false));
            }
            made
        }
        other => other,
    }
}

fn put_options<'a>(draft: &mut Draft<'a, '_>, options: &Members<'_, 'a>) {
    let stops = match options.get("stop").map(Value::tree) {
        Some(text @ Tree::Text(_)) => vec![text],
        Some(Tree::List(items)) => items,
        _ => Vec::new(),
    };
    let before = stops.len();
    let usable = stops.into_iter().filter(|stop| matches!(stop, Tree::Text(text) if !is_blank(text)));
    let usable: Vec<_> = usable.collect();
    if usable.len() < before {
        draft.log.say("dropped blank stop sequences");
    }
    if !usable.is_empty() {
        draft.request.set("stop_sequences", Tree::List(usable));
    }
    for name in ["stream", "temperature", "top_p", "top_k"] {
        if let Some(value) = options.get(name).filter(|value| !value.is_null()) {
            draft.request.set(name, value.tree());
        }
    }
    let is_hot = |number: &str| number.parse::<f64>().is_ok_and(|number| number > 1.0);
    if matches!(draft.request.at("temperature"), Tree::Number(number) if is_hot(number)) {
        draft.request.set("temperature", Tree::count(1));
        draft.log.say("temperature sent as 1, the highest there is");
    }
    if let Some(user @ Tree::Text(_)) = options.get("user").map(Value::tree) {
        draft.request.set("metadata", Tree::object([("user_id", user)]));
    }
    for (name, value) in &options.0 {
        if TAKEN.contains(&&**name) || value.is_null() {
            continue;
        }
        let is_usual = match value.tree() {
            Tree::Bool(value) => !value,
            Tree::Number(number) => is_default(name, &number),
            _ => false,
        };
        let word = if is_usual || HARMLESS.contains(&&**name) { "removed" } else { "dropped" };
        draft.log.say(format!("{word} {}", plain(name)));
    }
}

fn is_default(name: &str, number: &str) -> bool {
    let Ok(value) = number.parse::<f64>() else {
        return false;
    };
    match name {
        "n" => (value - 1.0).abs() < f64::EPSILON / 4.0,
        "presence_penalty" | "frequency_penalty" | "top_logprobs" => value.abs() <= 0.0,
        _ => false,
    }
}
