//! Events of the Responses leg into canonical ones, by output index: ids change at every event (5.3).

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    mem,
};

use super::frames::{is_call, part_text, reason_of, usage_of};
use crate::{
    canonical::{AnswerEvent, Finish},
    formats::chat::frames::{count, invented_id},
    look::Look,
    parts::{self, Heard},
    text::Node,
};

/// A call whose item was announced. `wrote`: arguments were given on.
#[derive(Debug)]
struct Call {
    key: usize,
    wrote: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Text,
    Summary,
    Content,
}

impl Part {
    const fn index(self) -> &'static str {
        match self {
            Self::Summary => "summary_index",
            Self::Text | Self::Content => "content_index",
        }
    }
}

type Emit<'e> = &'e mut dyn FnMut(AnswerEvent<'_>);

/// Takes frames, gives events. The answer starts with its first item, so that an early failure can refuse.
///
/// Whatever came only whole, at the end of a part, of an item or of the answer, is given on then.
#[derive(Debug, Default)]
pub(crate) struct StreamDecoder {
    started: bool,
    heard: Heard,
    created: Option<i64>,
    items: i64,
    known: HashSet<i64>,
    calls: HashMap<i64, Call>,
    written: HashSet<(Part, i64, i64)>,
    speaking: Option<i64>,
    thinking: bool,
}

impl parts::StreamDecoder for StreamDecoder {
    fn heard(&self) -> &Heard {
        &self.heard
    }

    fn finish(&self) -> Finish<'_> {
        let reason = match &*self.heard.reason {
            "" if self.calls.is_empty() => "stop",
            "" => "tool_calls",
            reason => reason,
        };
        Finish { reason: reason.into(), ..Finish::default() }
    }

    fn frame(&mut self, frame: Node<'_, '_>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let kind = frame.word("type");
        let response = frame.get("response").filter(|response| response.is_map());
        self.hear(response);
        if self.started {
            self.events(&kind, frame, response, emit);
            return;
        }
        let (id, model) = (self.heard.response_id.clone(), self.heard.model.clone());
        let created = self.created;
        let mut started = false;
        let mut begin = |emit: Emit<'_>| {
            if !mem::replace(&mut started, true) {
                emit(AnswerEvent::Start { id: &id, model: &model, usage: None, created });
            }
        };
        self.events(&kind, frame, response, &mut |event| {
            begin(emit);
            emit(event);
        });
        if matches!(&*kind, "response.output_item.added" | "response.completed" | "response.incomplete") {
            begin(emit);
        }
        self.started = started;
    }

    fn end(&mut self, _emit: &mut impl FnMut(AnswerEvent<'_>)) {}
}

impl StreamDecoder {
    fn hear(&mut self, response: Option<Node<'_, '_>>) {
        let Some(response) = response else {
            return;
        };
        if self.heard.response_id.is_empty() {
            self.heard.response_id = response.word("id").into_owned();
        }
        if self.heard.model.is_empty() {
            self.heard.model = response.word("model").into_owned();
        }
        if self.created.is_none() {
            self.created = count(response.get("created_at")).filter(|created| *created != 0);
        }
    }

    fn events(&mut self, kind: &str, frame: Node<'_, '_>, response: Option<Node<'_, '_>>, emit: Emit<'_>) {
        let index = count(frame.get("output_index"));
        let open = index.unwrap_or_else(|| (self.items - 1).max(0));
        let delta = |part: Part, frame: Node<'_, '_>| place(frame, part.index());
        match kind {
            "response.completed" | "response.incomplete" => self.over(kind, frame, response, emit),
            "response.output_item.added" => self.added(index.unwrap_or(self.items), frame.get("item"), emit),
            "response.output_text.delta" | "response.refusal.delta" => {
                self.text(open, delta(Part::Text, frame), &frame.word("delta"), emit);
            }
            "response.reasoning_summary_text.delta" => {
                let at = delta(Part::Summary, frame);
                self.thought((Part::Summary, open, at), &frame.word("delta"), emit);
            }
            "response.reasoning_text.delta" => {
                let at = delta(Part::Content, frame);
                self.thought((Part::Content, open, at), &frame.word("delta"), emit);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(open, &frame.word("delta"), emit);
            }
            "response.output_item.done" => self.done(open, frame.get("item"), emit),
            "response.output_text.done" => {
                self.rest_of_text(open, delta(Part::Text, frame), &frame.word("text"), emit);
            }
            "response.refusal.done" => {
                self.rest_of_text(open, delta(Part::Text, frame), &frame.word("refusal"), emit);
            }
            "response.reasoning_summary_text.done" => {
                let at = delta(Part::Summary, frame);
                self.rest_of_thought((Part::Summary, open, at), &frame.word("text"), emit);
            }
            "response.reasoning_text.done" => {
                let at = delta(Part::Content, frame);
                self.rest_of_thought((Part::Content, open, at), &frame.word("text"), emit);
            }
            "response.function_call_arguments.done" => self.rest_of_call(open, frame, "arguments", emit),
            "response.custom_tool_call_input.done" => self.rest_of_call(open, frame, "input", emit),
            _ => {}
        }
    }

    fn added(&mut self, index: i64, item: Option<Node<'_, '_>>, emit: Emit<'_>) {
        self.items = self.items.max(index.saturating_add(1));
        self.known.insert(index);
        if let Some(item) = item.filter(|item| is_call(&item.word("type"))) {
            self.start(index, item, emit);
        }
    }

    fn start(&mut self, index: i64, item: Node<'_, '_>, emit: Emit<'_>) {
        let key = self.calls.len();
        self.calls.insert(index, Call { key, wrote: false });
        let given = item.word("call_id");
        let id = if given.is_empty() { invented_id(key, &self.heard.response_id).into() } else { given };
        let name = item.word("name");
        let name = if name.is_empty() { Cow::Borrowed("unknown") } else { name };
        let custom = item.word("type") == "custom_tool_call";
        let namespace = item.word("namespace");
        emit(AnswerEvent::ToolStart { key, id: &id, name: &name, custom, namespace: &namespace });
    }

    fn arguments(&mut self, index: i64, piece: &str, emit: Emit<'_>) {
        if let Some(call) = self.calls.get_mut(&index).filter(|_| !piece.is_empty()) {
            call.wrote = true;
            emit(AnswerEvent::ToolArguments { key: call.key, text: piece });
        }
    }

    fn rest_of_call(&mut self, index: i64, frame: Node<'_, '_>, member: &str, emit: Emit<'_>) {
        if self.calls.get(&index).is_some_and(|call| !call.wrote) {
            self.arguments(index, &frame.word(member), emit);
        }
    }

    fn text(&mut self, index: i64, at: i64, piece: &str, emit: Emit<'_>) {
        if piece.is_empty() {
            return;
        }
        self.written.insert((Part::Text, index, at));
        // A second message is not the first one's continuation.
        match self.speaking.replace(index) {
            Some(other) if other != index => emit(AnswerEvent::Text(&["\\n\\n", piece].concat())),
            _ => emit(AnswerEvent::Text(piece)),
        }
    }

    fn rest_of_text(&mut self, index: i64, at: i64, whole: &str, emit: Emit<'_>) {
        if !self.written.contains(&(Part::Text, index, at)) {
            self.text(index, at, whole, emit);
        }
    }

    fn thought(&mut self, part: (Part, i64, i64), piece: &str, emit: Emit<'_>) {
        if piece.is_empty() {
            return;
        }
        let is_new = self.written.insert(part);
        if mem::replace(&mut self.thinking, true) && is_new {
            emit(AnswerEvent::Reasoning(&["\\n\\n", piece].concat()));
        } else {
            emit(AnswerEvent::Reasoning(piece));
        }
    }

    fn rest_of_thought(&mut self, part: (Part, i64, i64), whole: &str, emit: Emit<'_>) {
        if !self.written.contains(&part) {
            self.thought(part, whole, emit);
        }
    }

    fn done(&mut self, index: i64, item: Option<Node<'_, '_>>, emit: Emit<'_>) {
        self.known.insert(index);
        self.items = self.items.max(index.saturating_add(1));
        let Some(item) = item else {
            return;
        };
        let kind = item.word("type");
        match &*kind {
            "message" => {
                let parts = item.get("content").into_iter().flat_map(Node::items);
                for (at, part) in (0..).zip(parts) {
                    self.rest_of_text(index, at, &part_text(part), emit);
                }
            }
            "reasoning" => self.reasoning_done(index, item, emit),
            "function_call" | "custom_tool_call" => {
                if !self.calls.contains_key(&index) {
                    self.start(index, item, emit);
                }
                if self.calls.get(&index).is_some_and(|call| !call.wrote) {
                    let is_plain = kind == "function_call";
                    let whole = item.word(if is_plain { "arguments" } else { "input" });
                    let otherwise = if is_plain { "{}" } else { "" };
                    self.arguments(index, if whole.is_empty() { otherwise } else { &whole }, emit);
                }
            }
            _ => {}
        }
    }

    fn reasoning_done(&mut self, index: i64, item: Node<'_, '_>, emit: Emit<'_>) {
        let has_summary = item.get("summary").is_some_and(crate::validation::is_filled);
        let (part, member) =
            if has_summary { (Part::Summary, "summary") } else { (Part::Content, "content") };
        for (at, piece) in (0..).zip(item.get(member).into_iter().flat_map(Node::items)) {
            self.rest_of_thought((part, index, at), &piece.word("text"), emit);
        }
        let carrier = item.word("encrypted_content");
        if !carrier.is_empty() {
            self.thinking = false;
            emit(AnswerEvent::Carrier { value: &carrier, redacted: false });
        }
    }

    fn over(&mut self, kind: &str, frame: Node<'_, '_>, response: Option<Node<'_, '_>>, emit: Emit<'_>) {
        let output = response.and_then(|response| response.get("output"));
        for (index, item) in (0..).zip(output.into_iter().flat_map(Node::items)) {
            if !self.known.contains(&index) {
                self.done(index, Some(item), emit);
            }
        }
        reason_of(response, kind, !self.calls.is_empty()).clone_into(&mut self.heard.reason);
        self.heard.usage = usage_of(response, frame);
        if let Some(usage) = self.heard.usage {
            emit(AnswerEvent::Usage(usage));
        }
    }
}

fn place(frame: Node<'_, '_>, member: &str) -> i64 {
    count(frame.get(member)).unwrap_or_default()
}
