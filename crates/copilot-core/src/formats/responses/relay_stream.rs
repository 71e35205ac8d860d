//! Responses streams to Responses clients: bytes pass untouched, but for the quirks of upstream.md 5.3.
//!
//! Repaired are: ids that change from event to event (the first one counts), missing indexes, empty arguments of
//! calls, members that are no part of the format, and the numbers of events, when we put one in between.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    mem,
};

use super::{
    answer::{Head, State, error_json},
    errors::code_of,
    frames::{is_call, reason_of, usage_of},
};
use crate::{
    canonical::AnswerContext,
    formats::chat::frames::count,
    parts::{self, Heard},
    plans::StreamPlan,
    sse::{self, Event},
    text::{Document, Node, Tree, escape, unescape_json},
};

/// Members that this format does not have.
const PRIVATE: [&str; 3] = ["obfuscation", "copilot_usage", "copilot_quota_snapshots"];
const WITH_CONTENT_INDEX: [&str; 3] =
    ["response.content_part.", "response.output_text.", "response.refusal."];

/// Takes events, gives the bytes for the client. Texts are canonical insides.
///
/// What comes before the first item is held until it comes: a failure right after can still be a status.
#[derive(Debug)]
pub(crate) struct StreamRepairs {
    heard: Heard,
    /// The model's name, as an inside.
    model: String,
    response: Option<Tree<'static>>,
    held: Vec<u8>,
    number: i64,
    items: i64,
    ids: HashMap<i64, String>,
    done: BTreeMap<i64, Tree<'static>>,
    called: bool,
}

impl parts::StreamRepairs for StreamRepairs {
    fn heard(&self) -> &Heard {
        &self.heard
    }

    fn frame(&mut self, out: &mut Vec<u8>, event: &Event, node: Node<'_, '_>) {
        let mut frame = Tree::from(node);
        let kind = frame.at("type").inside().to_owned();
        let is_end = matches!(&*kind, "response.completed" | "response.incomplete");
        if is_end {
            self.heard.usage = usage_of(frame.get("response"), &frame);
        }
        let mut changed = self.mend(&kind, &mut frame);
        if count(frame.get("sequence_number")) != Some(self.number) {
            frame.set("sequence_number", Tree::count(self.number));
            changed = true;
        }
        self.number += 1;
        let made = changed.then(|| frame.to_json());
        let data = made.as_deref().map_or(event.data.as_deref().unwrap_or_default(), str::as_bytes);
        let own_name = unescape_json(&kind);
        let name = event.event.as_deref().filter(|name| !name.is_empty()).unwrap_or(own_name.as_bytes());
        let field = |value: &Option<Vec<u8>>| value.clone().unwrap_or_default();
        let write = |out: &mut Vec<u8>| sse::write(out, data, name, &field(&event.id), &field(&event.retry));
        let is_prologue = matches!(&*kind, "response.created" | "response.in_progress" | "response.queued");
        if is_prologue && self.items == 0 {
            write(&mut self.held);
        } else {
            out.append(&mut self.held);
            write(out);
        }
    }

    // The last event says that it was the last.
    fn complete(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }

    // `response.failed` with what was whole, and what must come before it.
    fn fail(&mut self, out: &mut Vec<u8>, message: &str, code: &str) {
        out.append(&mut self.held);
        let error = error_json(code_of(code), message);
        let output: Vec<_> = mem::take(&mut self.done).into_values().collect();
        if let Some(response) = &self.response {
            let mut failed = response.clone();
            failed.set("status", Tree::word("failed"));
            let error = Document::of_text(&error).map(|error| Tree::from(error.root()).into_owned());
            failed.set("error", error.unwrap_or_default());
            failed.set("output", Tree::List(output));
            self.own(out, "failed", &failed.to_json());
            return;
        }
        let head = Head::new("", &self.model, None, &AnswerContext::default());
        let output: Vec<_> = output.iter().map(Tree::to_json).collect();
        let mut begun = String::new();
        head.write(&mut begun, &State { status: "in_progress", ..State::default() });
        self.own(out, "created", &begun);
        let mut failed = String::new();
        let state = State { status: "failed", output: &output, error: Some(&error), ..State::default() };
        head.write(&mut failed, &state);
        self.own(out, "failed", &failed);
    }

    // An event that clients ignore but for their timers, or a comment before the first.
    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        let Some(response) = self.response.as_ref().map(Tree::to_json) else {
            out.extend_from_slice(b": keep-alive\n\n");
            return;
        };
        out.append(&mut self.held);
        self.own(out, "in_progress", &response);
    }
}

impl StreamRepairs {
    pub(crate) fn new(plan: &StreamPlan) -> Self {
        Self {
            heard: Heard::default(),
            model: escape(&plan.model).into_owned(),
            response: None,
            held: Vec::new(),
            number: 0,
            items: 0,
            ids: HashMap::new(),
            done: BTreeMap::new(),
            called: false,
        }
    }

    fn own(&mut self, out: &mut Vec<u8>, name: &str, response: &str) {
        let name = format!("response.{name}");
        let data =
            format!("{{\"type\":\"{name}\",\"response\":{response},\"sequence_number\":{}}}", self.number);
        self.number += 1;
        sse::write(out, data.as_bytes(), name.as_bytes(), b"", b"");
    }

    fn mend(&mut self, kind: &str, frame: &mut Tree<'_>) -> bool {
        let mut changed = false;
        for name in PRIVATE {
            changed |= frame.take(name).is_some_and(|value| value != Tree::Null);
        }
        if let Some(response) = frame.get_mut("response").filter(|response| response.is_object()) {
            return self.mend_response(kind, response) || changed;
        }
        if kind == "response.output_item.added" {
            return self.added(frame) || changed;
        }
        if !kind.starts_with("response.") {
            return changed;
        }
        let given = count(frame.get("output_index"));
        let index = given.unwrap_or_else(|| (self.items - 1).max(0));
        if given.is_none() {
            frame.set("output_index", Tree::count(index));
            changed = true;
        }
        let with_place = WITH_CONTENT_INDEX.iter().any(|start| kind.starts_with(start));
        if with_place && count(frame.get("content_index")).is_none() {
            frame.set("content_index", Tree::count(0));
            changed = true;
        }
        if frame.get("item_id").is_some() {
            changed |= self.keep_id(index, frame, "item_id");
        }
        if kind == "response.function_call_arguments.done" && !frame.at("arguments").is_filled() {
            frame.set("arguments", Tree::word("{}"));
            changed = true;
        }
        if let Some(item) = frame.get_mut("item").filter(|item| item.is_object()) {
            changed |= self.mend_item(index, item);
            if kind == "response.output_item.done" {
                self.items = self.items.max(index.saturating_add(1));
                self.done.insert(index, item.clone().into_owned());
            }
        }
        changed
    }

    fn added(&mut self, frame: &mut Tree<'_>) -> bool {
        let given = count(frame.get("output_index"));
        let index = given.unwrap_or(self.items);
        if given.is_none() {
            frame.set("output_index", Tree::count(index));
        }
        self.items = self.items.max(index.saturating_add(1));
        let mut none = Tree::object([]);
        let item = frame.get_mut("item").filter(|item| item.is_object()).unwrap_or(&mut none);
        self.ids.entry(index).or_insert_with(|| item.at("id").inside().to_owned());
        self.called |= is_call(item.at("type").inside());
        self.keep_id(index, item, "id") || given.is_none()
    }

    /// Puts the first id of the item where another one came.
    fn keep_id(&mut self, index: i64, holder: &mut Tree<'_>, member: &'static str) -> bool {
        let given = holder.at(member).inside();
        let known = self.ids.entry(index).or_default();
        if known.is_empty() {
            given.clone_into(known);
        }
        if given == known {
            return false;
        }
        let kept = Cow::Owned(known.clone());
        holder.set(member, Tree::Text(kept));
        true
    }

    fn mend_item(&mut self, index: i64, item: &mut Tree<'_>) -> bool {
        let mut changed = self.keep_id(index, item, "id");
        let kind = item.at("type").inside();
        if is_call(kind) {
            self.called = true;
            if kind == "function_call" && !item.at("arguments").is_filled() {
                item.set("arguments", Tree::word("{}"));
                changed = true;
            }
        }
        changed
    }

    fn mend_response(&mut self, kind: &str, response: &mut Tree<'_>) -> bool {
        if self.heard.response_id.is_empty() {
            response.at("id").inside().clone_into(&mut self.heard.response_id);
        }
        if self.heard.model.is_empty() {
            response.at("model").inside().clone_into(&mut self.heard.model);
        }
        let mut changed = false;
        let kept = Tree::Text(Cow::Owned(self.heard.response_id.clone()));
        if kept.is_filled() && *response.at("id") != kept {
            response.set("id", kept);
            changed = true;
        }
        if !matches!(kind, "response.completed" | "response.incomplete") {
            if !self.response.as_ref().is_some_and(Tree::is_filled) {
                self.response = Some(response.clone().into_owned());
            }
            return changed;
        }
        if let Some(Tree::List(output)) = response.get_mut("output") {
            for (index, item) in (0..).zip(output).filter(|(_, item)| item.is_object()) {
                changed |= self.mend_item(index, item);
            }
        }
        reason_of(Some(&*response), kind, self.called).clone_into(&mut self.heard.reason);
        changed
    }
}
