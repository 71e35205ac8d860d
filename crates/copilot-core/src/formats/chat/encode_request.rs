//! A conversation into a chat request: member order and shapes of compat.md 4.1 and 4.3, cured.

use std::fmt::Write as _;

use super::{
    cache_marks::{self, Kind, Place},
    custom_tools, dropping,
    effort::{self, Told},
    encode_messages::{List, push, write_turn},
    frames::count,
};
use crate::{
    canonical::{Conversation, Tool, Value},
    plans::RequestPlan,
    text::Tree,
    validation::InvalidRequest,
};

const BEFORE_TOOLS: [&str; 7] =
    ["max_tokens", "max_completion_tokens", "stop", "stream", "temperature", "top_p", "user"];
const AFTER_TOOLS: [&str; 8] = [
    "response_format",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "n",
];
/// What Copilot's chat endpoint does not have: it may refuse the model because of them (upstream.md 4.1).
const UNKNOWN: [&str; 6] = ["top_k", "verbosity", "prompt_cache_key", "metadata", "service_tier", "store"];

/// Appends the request; returns the changes that were made.
///
/// # Errors
///
/// [`InvalidRequest`] for what cannot be said in chat.
pub(crate) fn encode_request(
    out: &mut String,
    conversation: &Conversation<'_, '_>,
    plan: &RequestPlan,
) -> Result<Vec<String>, InvalidRequest> {
    let mut rewrites = Vec::new();
    let claude = cache_marks::is_claude(&conversation.model, plan);
    let options = Options::of(conversation, plan, claude, &mut rewrites)?;
    let start = out.len();
    push(out, &["{\"model\":\"", &conversation.model, "\",\"messages\":["]);
    let mut list = List::new(out);
    let mut messages = Vec::new();
    for turn in &conversation.turns {
        write_turn(&mut list, turn, plan, &mut messages, &mut rewrites)?;
    }
    out.push(']');
    options.write(out, plan);
    let mut places = write_tools(out, conversation, &mut rewrites);
    for name in AFTER_TOOLS {
        if let Some(value) = conversation.options.get(name) {
            push(out, &[",\"", name, "\":"]);
            value.write(out);
        }
    }
    let thinking = conversation.thinking.as_ref();
    match effort::told(thinking, &conversation.model, options.cap(plan), plan, &mut rewrites) {
        Told::Effort(effort) => push(out, &[",\"reasoning_effort\":\"", &effort, "\""]),
        Told::Budget(budget) => {
            // Writing to a string cannot fail.
            let _ = write!(out, ",\"thinking_budget\":{budget}");
        }
        Told::Nothing => {}
    }
    out.push('}');
    places.append(&mut messages);
    cache_marks::mark(out, &places, claude, plan, &mut rewrites);
    if !plan.dropped.is_empty() {
        let mut request = out.split_off(start);
        dropping::drop(&mut request, &plan.dropped, &mut rewrites);
        out.push_str(&request);
    }
    Ok(rewrites)
}

/// The options as they are written: the client's, with what the plan says instead.
struct Options<'c, 'd, 'a> {
    given: &'c Conversation<'d, 'a>,
    /// Value of `max_tokens` where the client gave none
    cap: Option<i64>,
    without_top_p: bool,
}

impl<'c, 'd, 'a> Options<'c, 'd, 'a> {
    fn of(
        given: &'c Conversation<'d, 'a>,
        plan: &RequestPlan,
        claude: bool,
        rewrites: &mut Vec<String>,
    ) -> Result<Self, InvalidRequest> {
        let options = &given.options;
        if count(options.get("n").map(Value::look)).is_some_and(|choices| choices > 1) {
            return Err(InvalidRequest::new("one choice at a time can be made", "n"));
        }
        let is_set = |name| options.get(name).is_some_and(|value| !value.is_null());
        let capped = is_set("max_tokens") || is_set("max_completion_tokens");
        let cap = plan.output_cap.filter(|_| !capped);
        if cap.is_none() && options.get("max_tokens").is_some() && plan.cap_field != "max_tokens" {
            rewrites.push(format!("max_tokens sent as {}", plan.cap_field));
        }
        rewrites
            .extend(UNKNOWN.into_iter().filter(|name| is_set(name)).map(|name| format!("dropped {name}")));
        // Claude refuses the two together (upstream.md 4.1).
        let without_top_p = claude && is_set("temperature") && is_set("top_p");
        if without_top_p {
            rewrites.push("dropped top_p: Claude takes temperature or top_p".to_owned());
        }
        Ok(Self { given, cap, without_top_p })
    }

    /// The value of an option as it is written; `max_tokens` by that name.
    fn value(&self, name: &str, plan: &RequestPlan) -> Option<Value<'d, 'a>> {
        match name {
            "max_tokens" if self.cap.is_some() => self.cap.map(|cap| Tree::count(cap).into()),
            "max_completion_tokens" if self.cap.is_some() => None,
            "stream" if plan.stream.is_some() => plan.stream.map(|stream| Tree::Bool(stream).into()),
            "top_p" if self.without_top_p => None,
            _ => self.given.options.get(name).cloned(),
        }
    }

    fn write(&self, out: &mut String, plan: &RequestPlan) {
        let renames = plan.cap_field != "max_tokens" && self.value("max_tokens", plan).is_some();
        for name in BEFORE_TOOLS {
            let Some(mut value) = self.value(name, plan) else {
                continue;
            };
            let mut written = name;
            if renames && name == "max_tokens" {
                written = &plan.cap_field;
                value = self.value(written, plan).unwrap_or(value);
            } else if renames && name == plan.cap_field {
                continue;
            }
            push(out, &[",\"", written, "\":"]);
            value.write(out);
        }
    }

    /// The output cap, where it is a number.
    fn cap(&self, plan: &RequestPlan) -> Option<i64> {
        let value = |name| self.value(name, plan);
        let own = value("max_tokens").filter(|_| plan.cap_field == "max_tokens");
        let written = own.or_else(|| value("max_completion_tokens")).or_else(|| value("max_tokens"))?;
        count(Some(written.look()))
    }
}

fn write_tools(
    out: &mut String,
    conversation: &Conversation<'_, '_>,
    rewrites: &mut Vec<String>,
) -> Vec<Place> {
    let mut places = Vec::new();
    let Some(tools) = &conversation.tools else {
        return places;
    };
    out.push_str(",\"tools\":[");
    let mut list = List::new(out);
    for tool in tools {
        let out = list.item(&["{\"type\":\"function\",\"function\":"]);
        write_tool(out, tool, rewrites);
        places.push(Place { kind: Kind::Tool, end: out.len(), marked: is_marked(tool.cache.as_ref()) });
        out.push('}');
    }
    out.push(']');
    if !tools.is_empty() {
        if let Some(choice) = &conversation.tool_choice {
            out.push_str(",\"tool_choice\":");
            choice.write(out);
        }
        if let Some(parallel) = conversation.parallel_tools {
            push(out, &[",\"parallel_tool_calls\":", if parallel { "true" } else { "false" }]);
        }
    }
    places
}

fn write_tool(out: &mut String, tool: &Tool<'_, '_>, rewrites: &mut Vec<String>) {
    if tool.custom {
        custom_tools::write_function(out, &tool.members);
        rewrites.push("sent freeform tools as functions".to_owned());
    } else {
        tool.members.write(out);
    }
}

/// Whether there is a marker; null is none.
pub(super) fn is_marked(cache: Option<&Value<'_, '_>>) -> bool {
    cache.is_some_and(|cache| !cache.is_null())
}
