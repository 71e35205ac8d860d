//! Canonical events into a Responses stream: every item announced, given in pieces, then whole (10.2).

use super::{
    answer::{
        CallKind, CallType, Head, State, error_json, incomplete_reason, write_message, write_reasoning,
        write_text_part,
    },
    errors::code_of,
    events::{Numbered, Place},
    items::is_blank,
};
use crate::{
    canonical::{AnswerContext, AnswerEvent, Finish, Usage},
    parts,
    plans::StreamPlan,
    text::{Document, escape, unescape},
};

const CONTENT: &str = "content_index";
const SUMMARY: &str = "summary_index";

#[derive(Debug)]
enum Kind {
    Text,
    Thought,
    Call { call: CallKind, id: String, key: usize },
}

/// An output item that was announced. Texts are canonical insides.
#[derive(Debug)]
struct Item {
    index: usize,
    id: String,
    kind: Kind,
    text: String,
    /// Some of it was given; it may be empty.
    begun: bool,
    seal: String,
}

impl Item {
    fn place(&self) -> Place<'_> {
        Place { item_id: &self.id, index: self.index }
    }

    /// The item as it is.
    fn value(&self, status: &str) -> String {
        let mut out = String::with_capacity(self.text.len() + 128);
        match &self.kind {
            Kind::Text => write_message(&mut out, &self.id, status, Some(&self.text)),
            Kind::Thought => write_reasoning(&mut out, &self.id, &self.text, &self.seal),
            Kind::Call { call, id, .. } => call.write(&mut out, &self.id, status, id, &self.text),
        }
        out
    }

    /// The item as it was before it had content.
    fn opening(&self) -> String {
        let mut out = String::with_capacity(128);
        match &self.kind {
            Kind::Text => write_message(&mut out, &self.id, "in_progress", None),
            Kind::Thought => write_reasoning(&mut out, &self.id, "", ""),
            Kind::Call { call, id, .. } => call.write(&mut out, &self.id, "in_progress", id, ""),
        }
        out
    }

    /// A call's arguments are whole when they are JSON; the rest ends when something follows.
    fn is_whole(&self) -> bool {
        if !matches!(self.kind, Kind::Call { .. }) {
            return true;
        }
        let text = unescape(&self.text);
        text.trim_end_matches([' ', '\t', '\n', '\r']).ends_with('}')
            && Document::read(text.as_bytes()).is_ok()
    }
}

/// Writes items in order of appearance; one is done when the next begins, unless a call is not whole.
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    started: bool,
    reasoning: bool,
    /// The model's name, as an inside.
    model: String,
    context: AnswerContext,
    numbered: Numbered,
    head: Head,
    count: usize,
    open: Vec<Item>,
    /// Items that are whole: index and JSON text.
    done: Vec<(usize, String)>,
    /// The index of the item that goes on.
    current: Option<usize>,
}

impl parts::StreamEncoder for StreamEncoder {
    fn started(&self) -> bool {
        self.started
    }

    fn event(&mut self, out: &mut String, event: AnswerEvent<'_>) {
        match event {
            AnswerEvent::Start { id, model, created, .. } => self.start(out, id, model, created),
            AnswerEvent::Text(piece) => self.text(out, piece),
            AnswerEvent::Reasoning(piece) if self.reasoning => self.thought(out, piece),
            AnswerEvent::Carrier { value, .. } if self.reasoning => self.carrier(out, value),
            AnswerEvent::Reasoning(_) | AnswerEvent::Carrier { .. } | AnswerEvent::Usage(_) => {}
            AnswerEvent::ToolStart { key, id, name, custom, namespace } => {
                let call = CallKind::new(name, custom, namespace, &self.context);
                let prefix = call.prefix();
                self.begin(out, Kind::Call { call, id: id.to_owned(), key }, prefix, "", true);
            }
            AnswerEvent::ToolArguments { key, text } => self.arguments(out, key, text),
        }
    }

    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>) {
        let incomplete = incomplete_reason(&finish.reason);
        let status = if incomplete.is_empty() { "completed" } else { "incomplete" };
        while !self.open.is_empty() {
            let status = if self.open.len() == 1 { status } else { "completed" };
            self.close(out, 0, status);
        }
        let output = self.output();
        self.response(out, status, &State { status, output: &output, usage, incomplete, ..State::default() });
    }

    // What is not whole is not done: no call comes of it.
    fn fail(&mut self, out: &mut String, message: &str, code: &str) {
        if !self.started {
            self.start(out, "", "", None);
        }
        let error = error_json(code_of(code), message);
        let output = self.output();
        let state = State { status: "failed", output: &output, error: Some(&error), ..State::default() };
        self.response(out, "failed", &state);
    }

    // An event that clients ignore but for their timers, or a comment before the first.
    fn keep_alive(&mut self, out: &mut String) {
        if self.started {
            self.response(out, "in_progress", &State { status: "in_progress", ..State::default() });
        } else {
            out.push_str(": keep-alive\n\n");
        }
    }
}

impl StreamEncoder {
    pub(crate) fn new(plan: &StreamPlan, context: &AnswerContext) -> Self {
        let model = escape(&plan.model).into_owned();
        Self {
            started: false,
            reasoning: plan.reasoning,
            head: Head::new("", &model, None, context),
            model,
            context: context.clone(),
            numbered: Numbered::default(),
            count: 0,
            open: Vec::new(),
            done: Vec::new(),
            current: None,
        }
    }

    fn response(&mut self, out: &mut String, name: &str, state: &State<'_>) {
        let head = &self.head;
        self.numbered.write(out, name, |out| {
            out.push_str(",\"response\":");
            head.write(out, state);
        });
    }

    fn output(&mut self) -> Vec<String> {
        self.done.sort_by_key(|(index, _)| *index);
        self.done.iter().map(|(_, item)| item.clone()).collect()
    }

    fn start(&mut self, out: &mut String, id: &str, model: &str, created: Option<i64>) {
        self.started = true;
        let model = if model.is_empty() { &self.model } else { model };
        self.head = Head::new(id, model, created, &self.context);
        for name in ["created", "in_progress"] {
            self.response(out, name, &State { status: "in_progress", ..State::default() });
        }
    }

    /// The place of the item that goes on, if it is of the kind.
    fn current(&self, is_kind: impl Fn(&Kind) -> bool) -> Option<usize> {
        let current = self.current?;
        self.open.iter().position(|item| item.index == current && is_kind(&item.kind))
    }

    fn text(&mut self, out: &mut String, piece: &str) {
        let place = self.current(|kind| matches!(kind, Kind::Text));
        let place = place.unwrap_or_else(|| self.begin(out, Kind::Text, "msg", "", true));
        let Some(item) = self.open.get_mut(place) else {
            return;
        };
        item.text.push_str(piece);
        if !std::mem::replace(&mut item.begun, true) {
            let mut part = String::new();
            write_text_part(&mut part, "");
            let members = [",\"part\":", &part];
            self.numbered.part(out, "content_part.added", item.place(), CONTENT, &members);
        }
        let members = [",\"delta\":\"", piece, "\",\"logprobs\":[]"];
        self.numbered.part(out, "output_text.delta", item.place(), CONTENT, &members);
    }

    fn thought(&mut self, out: &mut String, piece: &str) {
        let place = self.current(|kind| matches!(kind, Kind::Thought));
        let place = place.unwrap_or_else(|| self.begin(out, Kind::Thought, "rs", "", true));
        let Some(item) = self.open.get_mut(place) else {
            return;
        };
        item.text.push_str(piece);
        if !std::mem::replace(&mut item.begun, true) {
            let members = [",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}"];
            self.numbered.part(out, "reasoning_summary_part.added", item.place(), SUMMARY, &members);
        }
        let members = [",\"delta\":\"", piece, "\""];
        self.numbered.part(out, "reasoning_summary_text.delta", item.place(), SUMMARY, &members);
    }

    fn carrier(&mut self, out: &mut String, seal: &str) {
        if let Some(place) = self.current(|kind| matches!(kind, Kind::Thought)) {
            if let Some(item) = self.open.get_mut(place) {
                seal.clone_into(&mut item.seal);
            }
            self.close(out, place, "completed");
            return;
        }
        // It may come after text or calls: an item of its own then, while what is open goes on.
        let current = self.current;
        let place = self.begin(out, Kind::Thought, "rs", seal, false);
        self.close(out, place, "completed");
        self.current = current;
    }

    fn arguments(&mut self, out: &mut String, key: usize, piece: &str) {
        let is_of = |item: &&mut Item| matches!(&item.kind, Kind::Call { key: own, .. } if *own == key);
        let Some(item) = self.open.iter_mut().find(is_of) else {
            return;
        };
        item.text.push_str(piece);
        // What is wrapped can be given only when it is whole.
        if matches!(&item.kind, Kind::Call { call, .. } if call.kind == CallType::Function) {
            let members = [",\"delta\":\"", piece, "\""];
            self.numbered.call(out, "function_call_arguments.delta", item.place(), &members);
        }
    }

    /// Announces an item, closing what is whole unless it goes on beside it; returns its place.
    fn begin(&mut self, out: &mut String, kind: Kind, prefix: &str, seal: &str, alone: bool) -> usize {
        let mut place = 0;
        while alone && place < self.open.len() {
            if self.open.get(place).is_some_and(Item::is_whole) {
                self.close(out, place, "completed");
            } else {
                place += 1;
            }
        }
        let id = self.head.item_id(prefix, self.count);
        let item =
            Item { index: self.count, id, kind, text: String::new(), begun: false, seal: seal.to_owned() };
        self.numbered.item(out, "output_item.added", item.index, &item.opening());
        self.current = Some(item.index);
        self.count += 1;
        self.open.push(item);
        self.open.len() - 1
    }

    fn close(&mut self, out: &mut String, place: usize, status: &str) {
        if place >= self.open.len() {
            return;
        }
        let mut item = self.open.remove(place);
        if self.current == Some(item.index) {
            self.current = None;
        }
        self.close_content(out, &mut item);
        let value = item.value(status);
        self.numbered.item(out, "output_item.done", item.index, &value);
        self.done.push((item.index, value));
    }

    fn close_content(&mut self, out: &mut String, item: &mut Item) {
        let numbered = &mut self.numbered;
        match &item.kind {
            Kind::Text => {
                let mut part = String::with_capacity(item.text.len() + 64);
                write_text_part(&mut part, &item.text);
                let members = [",\"text\":\"", &item.text, "\",\"logprobs\":[]"];
                numbered.part(out, "output_text.done", item.place(), CONTENT, &members);
                numbered.part(out, "content_part.done", item.place(), CONTENT, &[",\"part\":", &part]);
            }
            Kind::Thought if item.begun => {
                let members = [",\"text\":\"", &item.text, "\""];
                numbered.part(out, "reasoning_summary_text.done", item.place(), SUMMARY, &members);
                let members = [",\"part\":{\"type\":\"summary_text\",\"text\":\"", &item.text, "\"}"];
                numbered.part(out, "reasoning_summary_part.done", item.place(), SUMMARY, &members);
            }
            Kind::Thought => {}
            Kind::Call { call, .. } => match call.kind {
                CallType::Function => {
                    if is_blank(&item.text) {
                        item.text.push_str("{}");
                        let members = [",\"delta\":\"{}\""];
                        numbered.call(out, "function_call_arguments.delta", item.place(), &members);
                    }
                    let members = [",\"name\":\"", &call.name, "\",\"arguments\":\"", &item.text, "\""];
                    numbered.call(out, "function_call_arguments.done", item.place(), &members);
                }
                CallType::Custom => {
                    let given = call.input(&item.text);
                    if !given.is_empty() {
                        let members = [",\"delta\":\"", &given, "\""];
                        numbered.call(out, "custom_tool_call_input.delta", item.place(), &members);
                    }
                    let members = [",\"input\":\"", &given, "\""];
                    numbered.call(out, "custom_tool_call_input.done", item.place(), &members);
                }
                CallType::Search => {}
            },
        }
    }
}
