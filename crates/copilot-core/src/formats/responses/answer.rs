//! The response object, and the items in it, as this format publishes them (upstream.md 10.2).
//!
//! Texts are canonical insides; items are JSON text.

use std::fmt::Write as _;

use super::tools;
use crate::{
    canonical::{AnswerContext, Usage},
    text::{Document, Tree, escape, unescape, unescape_json},
};

const LONGEST_TAIL: usize = 40;

/// Why an answer is incomplete; empty for one that is complete.
pub(super) fn incomplete_reason(finish_reason: &str) -> &'static str {
    match finish_reason {
        "length" => "max_output_tokens",
        "content_filter" => "content_filter",
        _ => "",
    }
}

pub(super) fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

fn push_number(out: &mut String, number: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{number}");
}

/// What does not change from the first event to the last.
#[derive(Debug)]
pub(super) struct Head {
    tail: String,
    /// From the brace to the status.
    before_status: String,
    /// From the details of the end to the output.
    before_output: String,
    before_usage: String,
    after_usage: String,
}

/// How an answer stands.
#[derive(Debug, Default)]
pub(super) struct State<'s> {
    pub(super) status: &'s str,
    /// The items, as JSON text
    pub(super) output: &'s [String],
    pub(super) usage: Option<Usage>,
    /// An error object, as JSON text
    pub(super) error: Option<&'s str>,
    pub(super) incomplete: &'s str,
}

impl Head {
    /// The head of an answer; the id of an upstream of this format is kept.
    pub(super) fn new(upstream_id: &str, model: &str, created: Option<i64>, context: &AnswerContext) -> Self {
        let id = if upstream_id.starts_with("resp_") {
            upstream_id.to_owned()
        } else {
            format!("resp_{}", tail(upstream_id))
        };
        let own_tail = tail(id.strip_prefix("resp_").unwrap_or(&id));
        let created = created.unwrap_or_default();
        let before_status =
            format!("{{\"id\":\"{id}\",\"object\":\"response\",\"created_at\":{created},\"status\":\"");
        let echo = Echo(&context.echo);
        let mut before_output = String::new();
        echo.members(
            &mut before_output,
            &[("instructions", "null"), ("max_output_tokens", "null"), ("max_tool_calls", "null")],
        );
        push(&mut before_output, &[",\"model\":\"", model, "\",\"output\":["]);
        let mut before_usage = "]".to_owned();
        echo.members(&mut before_usage, &[("parallel_tool_calls", "true")]);
        before_usage.push_str(",\"previous_response_id\":null");
        echo.members(&mut before_usage, &[("prompt_cache_key", "null")]);
        let null = || Tree::Null;
        echo.merged(&mut before_usage, "reasoning", Tree::object([("effort", null()), ("summary", null())]));
        echo.members(&mut before_usage, &[("safety_identifier", "null")]);
        before_usage.push_str(",\"service_tier\":\"default\",\"store\":false");
        echo.members(&mut before_usage, &[("temperature", "null")]);
        let format = Tree::object([("type", Tree::word("text"))]);
        echo.merged(&mut before_usage, "text", Tree::object([("format", format)]));
        let plain = [
            ("tool_choice", "\"auto\""),
            ("tools", "[]"),
            ("top_logprobs", "null"),
            ("top_p", "null"),
            ("truncation", "\"disabled\""),
        ];
        echo.members(&mut before_usage, &plain);
        let mut after_usage = String::new();
        echo.members(&mut after_usage, &[("user", "null"), ("metadata", "{}")]);
        after_usage.push('}');
        Self { tail: own_tail, before_status, before_output, before_usage, after_usage }
    }

    /// The id of an output item: the same from its first event on.
    pub(super) fn item_id(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}_{}{index}", self.tail)
    }

    /// Appends the response object.
    pub(super) fn write(&self, out: &mut String, state: &State<'_>) {
        push(out, &[&self.before_status, state.status, "\",\"background\":false,\"error\":"]);
        push(out, &[state.error.unwrap_or("null"), ",\"incomplete_details\":"]);
        if state.incomplete.is_empty() {
            out.push_str("null");
        } else {
            push(out, &["{\"reason\":\"", state.incomplete, "\"}"]);
        }
        out.push_str(&self.before_output);
        for (number, item) in state.output.iter().enumerate() {
            push(out, &[if number > 0 { "," } else { "" }, item]);
        }
        push(out, &[&self.before_usage, ",\"usage\":"]);
        write_usage(out, state.usage);
        out.push_str(&self.after_usage);
    }
}

struct Echo<'e>(&'e [(String, Tree<'static>)]);

impl Echo<'_> {
    fn get(&self, name: &str) -> Option<&Tree<'static>> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Appends members as the request had them, or with what they are without it.
    fn members(&self, out: &mut String, members: &[(&str, &str)]) {
        for (name, otherwise) in members {
            push(out, &[",\"", name, "\":"]);
            match self.get(name) {
                Some(value) => value.write(out),
                None => out.push_str(otherwise),
            }
        }
    }

    fn merged(&self, out: &mut String, name: &str, mut value: Tree<'_>) {
        for (key, own) in self.get(name).map(Tree::members).unwrap_or_default() {
            value.set_named(key.clone(), own.clone());
        }
        push(out, &[",\"", name, "\":"]);
        value.write(out);
    }
}

fn tail(inside: &str) -> String {
    let text = unescape(inside);
    let kept: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail: String = kept.iter().skip(kept.len().saturating_sub(LONGEST_TAIL)).collect();
    if tail.is_empty() { "0".to_owned() } else { tail }
}

fn write_usage(out: &mut String, usage: Option<Usage>) {
    let Some(usage) = usage else {
        out.push_str("null");
        return;
    };
    let cached = usage.cached.unwrap_or_default();
    let written = usage.cache_write.unwrap_or_default();
    let thought = usage.reasoning.unwrap_or_default();
    let Usage { input, output, .. } = usage;
    push_number(
        out,
        format_args!(
            "{{\"input_tokens\":{input},\"input_tokens_details\":{{\"cached_tokens\":{cached},\"cache_write_tokens\":{written}}},\"output_tokens\":{output},\"output_tokens_details\":{{\"reasoning_tokens\":{thought}}},\"total_tokens\":{}}}",
            input + output
        ),
    );
}

/// Appends an error object for `response.failed`; the message is plain text.
pub(super) fn error_json(code: &str, message: &str) -> String {
    format!("{{\"code\":\"{code}\",\"message\":\"{}\"}}", escape(message))
}

/// Appends an `output_text` part.
pub(super) fn write_text_part(out: &mut String, said: &str) {
    push(out, &["{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"", said, "\"}"]);
}

/// Appends a message of the assistant; `said` is its one part, if it has one.
pub(super) fn write_message(out: &mut String, item_id: &str, status: &str, said: Option<&str>) {
    push(out, &["{\"id\":\"", item_id, "\",\"type\":\"message\",\"status\":\"", status]);
    out.push_str("\",\"role\":\"assistant\",\"content\":[");
    if let Some(said) = said {
        write_text_part(out, said);
    }
    out.push_str("]}");
}

/// Appends a reasoning item; `seal` is its `encrypted_content`, left out when it is empty.
pub(super) fn write_reasoning(out: &mut String, item_id: &str, thought: &str, seal: &str) {
    push(out, &["{\"id\":\"", item_id, "\",\"type\":\"reasoning\",\"summary\":["]);
    if !thought.is_empty() {
        push(out, &["{\"type\":\"summary_text\",\"text\":\"", thought, "\"}"]);
    }
    out.push(']');
    if !seal.is_empty() {
        push(out, &[",\"encrypted_content\":\"", seal, "\""]);
    }
    out.push('}');
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallType {
    Function,
    Custom,
    Search,
}

/// How calls of a tool are written for this client.
#[derive(Debug)]
pub(super) struct CallKind {
    pub(super) kind: CallType,
    pub(super) name: String,
    namespace: String,
    /// The arguments are a freeform tool's input already.
    raw: bool,
}

impl CallKind {
    /// How a call of a tool is written; `name` is the one that the client's request was sent with.
    pub(super) fn new(name: &str, custom: bool, namespace: &str, context: &AnswerContext) -> Self {
        let known = context.namespaces.iter().find(|(flat, _)| flat == name).map(|(_, space)| &**space);
        let own = known.map_or(name, |space| tools::own_name(space, name));
        let (kind, raw) = if custom || context.custom.iter().any(|freeform| freeform == name) {
            (CallType::Custom, custom)
        } else if name == tools::SEARCH && searches(context) {
            (CallType::Search, false)
        } else {
            (CallType::Function, false)
        };
        let namespace = if kind == CallType::Search { "" } else { known.unwrap_or(namespace) };
        Self { kind, name: own.to_owned(), namespace: namespace.to_owned(), raw }
    }

    /// What the ids of such items begin with.
    pub(super) const fn prefix(&self) -> &'static str {
        match self.kind {
            CallType::Function => "fc",
            CallType::Custom => "ctc",
            CallType::Search => "tsc",
        }
    }

    /// A freeform tool's input.
    pub(super) fn input<'i>(&self, arguments: &'i str) -> std::borrow::Cow<'i, str> {
        if self.raw || arguments.is_empty() { arguments.into() } else { tools::unwrapped(arguments) }
    }

    /// Appends the item; `arguments` as the model gave them.
    pub(super) fn write(
        &self,
        out: &mut String,
        item_id: &str,
        status: &str,
        call_id: &str,
        arguments: &str,
    ) {
        let kind = match self.kind {
            CallType::Function => "function_call",
            CallType::Custom => "custom_tool_call",
            CallType::Search => "tool_search_call",
        };
        push(out, &["{\"id\":\"", item_id, "\",\"type\":\"", kind, "\",\"status\":\"", status, "\","]);
        match self.kind {
            CallType::Function => {
                push(out, &["\"arguments\":\"", arguments, "\",\"call_id\":\"", call_id]);
                push(out, &["\",\"name\":\"", &self.name, "\""]);
            }
            CallType::Custom => {
                push(out, &["\"call_id\":\"", call_id, "\",\"name\":\"", &self.name, "\",\"input\":\""]);
                push(out, &[&self.input(arguments), "\""]);
            }
            CallType::Search => {
                push(out, &["\"execution\":\"client\",\"call_id\":\"", call_id, "\",\"arguments\":"]);
                write_search(out, arguments);
            }
        }
        if !self.namespace.is_empty() {
            push(out, &[",\"namespace\":\"", &self.namespace, "\""]);
        }
        out.push('}');
    }
}

fn searches(context: &AnswerContext) -> bool {
    let tools = context.echo.iter().find(|(name, _)| name == "tools").map(|(_, tools)| tools.items());
    tools.unwrap_or_default().iter().any(|tool| tool.at("type").inside() == tools::SEARCH)
}

fn write_search(out: &mut String, arguments: &str) {
    if arguments.is_empty() {
        out.push_str("{}");
        return;
    }
    match Document::read(unescape_json(arguments).as_bytes()) {
        Ok(document) => document.root().write(out),
        Err(_) => push(out, &["{\"query\":\"", arguments, "\"}"]),
    }
}
