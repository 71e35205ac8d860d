//! Events into a chat stream: the same id, time and model on all chunks (upstream.md 10.1).

use std::fmt::Write as _;

use super::{
    completion::{finish_reason, push, write_error, write_head, write_usage},
    custom_tools::unwrapped,
    encode_answer::is_legacy,
    opaque,
    thinking::is_shown,
};
use crate::{
    canonical::{AnswerContext, AnswerEvent, Finish, Inside, Usage},
    parts,
    plans::StreamPlan,
};

/// A call that was begun.
#[derive(Debug)]
struct Call {
    key: usize,
    /// Of a freeform tool
    custom: bool,
    /// Wrapped raw text, for the end
    held: Option<String>,
    wrote: bool,
}

/// The reasoning so far: pieces that have their carrier, and characters that wait for one.
#[derive(Debug, Default)]
struct Thought {
    pieces: Vec<opaque::Piece>,
    waiting: i64,
}

impl Thought {
    fn carrier(&mut self, value: &str, redacted: bool) {
        if redacted && self.waiting > 0 {
            self.close("", false);
        }
        self.close(value, redacted);
    }

    fn close(&mut self, carrier: &str, redacted: bool) {
        let length = std::mem::take(&mut self.waiting);
        self.pieces.push(opaque::Piece { length, redacted, carrier: carrier.to_owned() });
    }

    fn packed(&mut self) -> String {
        if self.waiting > 0 {
            self.close("", false);
        }
        opaque::pack(&self.pieces)
    }
}

/// Writes events; a last chunk without choices has the usage, asked for or not (compat.md 3.4).
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    started: bool,
    reasoning: bool,
    custom: Vec<String>,
    legacy: bool,
    /// What each chunk begins with
    head: String,
    calls: Vec<Call>,
    thought: Thought,
}

impl parts::StreamEncoder for StreamEncoder {
    fn started(&self) -> bool {
        self.started
    }

    fn event(&mut self, out: &mut String, event: AnswerEvent<'_>) {
        match event {
            AnswerEvent::Text(text) => self.chunk(out, &["\"content\":\"", text, "\""]),
            AnswerEvent::ToolArguments { key, text } => self.arguments(out, key, text),
            AnswerEvent::ToolStart { key, id, name, custom, .. } => self.call(out, key, id, name, custom),
            AnswerEvent::Start { id, model, created, .. } => {
                self.started = true;
                self.head.clear();
                write_head(&mut self.head, id, "chat.completion.chunk", created, model);
                self.chunk(out, &["\"role\":\"assistant\",\"content\":\"\""]);
            }
            AnswerEvent::Reasoning(text) if self.reasoning => {
                self.thought.waiting += opaque::length(text);
                self.chunk(out, &["\"reasoning_content\":\"", text, "\",\"reasoning_text\":\"", text, "\""]);
            }
            // One carrier for the answer, at its end: clients refuse a second one.
            AnswerEvent::Carrier { value, redacted } if self.reasoning => {
                self.thought.carrier(value, redacted);
            }
            AnswerEvent::Reasoning(_) | AnswerEvent::Carrier { .. } | AnswerEvent::Usage(_) => {}
        }
    }

    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>) {
        for index in 0..self.calls.len() {
            self.complete(out, index);
        }
        let carrier = self.thought.packed();
        if !carrier.is_empty() {
            self.chunk(out, &["\"reasoning_opaque\":\"", &carrier, "\""]);
        }
        let mut reason = finish_reason(&finish.reason, !self.calls.is_empty());
        if self.legacy && reason == "tool_calls" {
            reason = "function_call";
        }
        push(out, &["data: ", &self.head, "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"]);
        push(out, &["\"finish_reason\":\"", reason, "\"}]}\n\n"]);
        if let Some(usage) = usage {
            push(out, &["data: ", &self.head, "\"choices\":[],\"usage\":"]);
            write_usage(out, usage);
            out.push_str("}\n\n");
        }
        out.push_str("data: [DONE]\n\n");
    }

    fn fail(&mut self, out: &mut String, message: &str, code: &str) {
        write_error(out, message, code);
    }

    fn keep_alive(&mut self, out: &mut String) {
        out.push_str(": keep-alive\n\n");
    }
}

impl StreamEncoder {
    pub(crate) fn new(plan: &StreamPlan, context: &AnswerContext) -> Self {
        Self {
            started: false,
            reasoning: is_shown(plan.reasoning, context),
            custom: context.custom.clone(),
            legacy: is_legacy(context),
            head: "{".to_owned(),
            calls: Vec::new(),
            thought: Thought::default(),
        }
    }

    fn call(&mut self, out: &mut String, key: usize, id: &str, name: &str, freeform: bool) {
        let custom = freeform || self.custom.iter().any(|known| known == name);
        let held = (custom && !freeform).then(String::new);
        self.calls.push(Call { key, custom, held, wrote: false });
        let index = self.calls.len() - 1;
        if self.legacy {
            self.piece(out, index, "", &["\"name\":\"", name, "\",\"arguments\":\"\""]);
            return;
        }
        let (kind, holder) = if custom { ("custom", "input") } else { ("function", "arguments") };
        let opening = ["\"id\":\"", id, "\",\"type\":\"", kind, "\","].concat();
        self.piece(out, index, &opening, &["\"name\":\"", name, "\",\"", holder, "\":\"\""]);
    }

    fn arguments(&mut self, out: &mut String, key: usize, text: &str) {
        let Some(index) = self.calls.iter().rposition(|call| call.key == key) else {
            return;
        };
        let Some(call) = self.calls.get_mut(index) else {
            return;
        };
        if let Some(held) = &mut call.held {
            held.push_str(text);
            return;
        }
        call.wrote = true;
        let holder = if call.custom { "\"input\":\"" } else { "\"arguments\":\"" };
        self.piece(out, index, "", &[holder, text, "\""]);
    }

    fn complete(&self, out: &mut String, index: usize) {
        let Some(call) = self.calls.get(index) else {
            return;
        };
        if let Some(held) = &call.held {
            let raw = unwrapped(Inside::Borrowed(held));
            self.piece(out, index, "", &["\"input\":\"", &raw, "\""]);
        } else if !call.wrote && !call.custom {
            self.piece(out, index, "", &["\"arguments\":\"{}\""]);
        }
    }

    /// Appends a piece of a call; `head` is what comes with the first.
    fn piece(&self, out: &mut String, index: usize, head: &str, entry: &[&str]) {
        if self.legacy {
            if index == 0 {
                self.chunk(out, &["\"function_call\":{", &entry.concat(), "}"]);
            }
            return;
        }
        let custom = self.calls.get(index).is_some_and(|call| call.custom);
        let kind = if custom { "\"custom\":{" } else { "\"function\":{" };
        let mut place = String::new();
        // Writing to a string cannot fail.
        let _ = write!(place, "\"tool_calls\":[{{\"index\":{index},");
        self.chunk(out, &[&place, head, kind, &entry.concat(), "}}]"]);
    }

    fn chunk(&self, out: &mut String, delta: &[&str]) {
        push(out, &["data: ", &self.head, "\"choices\":[{\"index\":0,\"delta\":{"]);
        push(out, delta);
        out.push_str("},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }
}
