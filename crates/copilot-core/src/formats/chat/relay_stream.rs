//! Chat frames to chat clients: bytes pass untouched, but for the quirks of upstream.md 4.4.
//!
//! Repaired are: choices beyond the first (folded into it), frames without choices and usage (dropped),
//! missing `object`, `id`, `model` and `created` (filled), tool calls that share an index or lack an id, calls
//! without arguments (given `{}`), and `stop` after a tool call (made `tool_calls`).

use std::borrow::Cow;

use super::frames::{self, Calls, inside_of};
use crate::{
    look::Look,
    parts::{self, Heard},
    sse::{self, Event},
    text::{Node, Tree},
};

const KIND: &str = "chat.completion.chunk";

/// A frame with a finish reason, held until the next one: more choices may follow it.
#[derive(Debug)]
struct Held {
    event: Event,
    frame: Tree<'static>,
    changed: bool,
}

/// Takes events of a chat stream, gives the bytes for the client. Texts are canonical insides.
#[derive(Debug, Default)]
pub(crate) struct StreamRepairs {
    heard: Heard,
    created: Option<Tree<'static>>,
    calls: Calls,
    held: Option<Held>,
}

impl parts::StreamRepairs for StreamRepairs {
    fn heard(&self) -> &Heard {
        &self.heard
    }

    fn frame(&mut self, out: &mut Vec<u8>, event: &Event, node: Node<'_, '_>) {
        let usage = frames::usage_of(node);
        if let Some(usage) = usage {
            self.heard.usage = Some(frames::better(self.heard.usage, usage));
        }
        if self.held.is_none() && self.is_whole(node) {
            write(out, event, None);
            return;
        }
        let mut frame = Tree::from(node);
        if frames::choices_of(&frame).is_empty() {
            if usage.is_some() {
                let changed = self.fill(&mut frame);
                self.release(out);
                write(out, event, changed.then_some(&frame));
            }
            return;
        }
        self.release_for_more(out);
        let mut changed = self.fill(&mut frame);
        let (folded, places) = fold(&mut frame);
        changed |= folded;
        changed |= self.mend_calls(&mut frame, &places);
        let reason = first_choice(&frame).at("finish_reason").inside().to_owned();
        if reason.is_empty() {
            write(out, event, changed.then_some(&frame));
        } else {
            self.heard.reason = reason;
            self.held = Some(Held { event: event.clone(), frame: frame.into_owned(), changed });
        }
    }

    // The held frame and the end mark: no more choices follow.
    fn complete(&mut self, out: &mut Vec<u8>) {
        self.release(out);
        sse::write(out, b"[DONE]", b"", b"", b"");
    }

    // The held frame and an error object.
    fn fail(&mut self, out: &mut Vec<u8>, message: &str, code: &str) {
        self.release(out);
        let code = if code.is_empty() { "null".to_owned() } else { format!("\"{}\"", inside_of(code)) };
        let message = inside_of(message);
        let error = format!(
            "{{\"error\":{{\"message\":\"{message}\",\"type\":\"server_error\",\"param\":null,\"code\":{code}}}}}"
        );
        sse::write(out, error.as_bytes(), b"", b"", b"");
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}

impl StreamRepairs {
    /// Whether a frame needs no repair, as nearly all do; remembers what [`Self::fill`] would.
    fn is_whole(&mut self, frame: Node<'_, '_>) -> bool {
        let Some(choices) = frame.get("choices") else {
            return false;
        };
        let mut items = choices.items();
        let (Some(choice), None) = (items.next(), items.next()) else {
            return false;
        };
        let filled = |name: &str| frame.get(name).is_some_and(crate::validation::is_filled);
        let whole = choice.is_map()
            && filled("id")
            && filled("created")
            && filled("model")
            && frame.get("object").is_some_and(|object| object.is(KIND))
            && frames::count(choice.get("index")) == Some(0)
            && choice.word("finish_reason").is_empty()
            && !choice.get("delta").and_then(|delta| delta.get("tool_calls")).is_some_and(Look::is_list);
        if whole {
            self.remember(frame);
            if self.created.is_none() {
                self.created = frame.get("created").map(|created| Tree::from(created).into_owned());
            }
        }
        whole
    }

    fn remember<'v>(&mut self, frame: impl Look<'v>) {
        if self.heard.response_id.is_empty() {
            self.heard.response_id = frame.word("id").into_owned();
        }
        if self.heard.model.is_empty() {
            self.heard.model = frame.word("model").into_owned();
        }
    }

    fn release_for_more(&mut self, out: &mut Vec<u8>) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        // Another choice goes on after this one finished: only the last finish is the client's.
        let has_usage = held.frame.at("usage").is_filled();
        let Some(choice) = first_choice_mut(&mut held.frame) else {
            return;
        };
        choice.set("finish_reason", Tree::Null);
        let filled = choice.at("delta").members().iter().any(|(_, value)| value.is_filled());
        if filled || has_usage {
            write(out, &held.event, Some(&held.frame));
        }
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        for (key, call) in self.calls.all.iter_mut().enumerate() {
            if !call.wrote {
                call.wrote = true;
                write(out, &Event::default(), Some(&empty_arguments(key, &held.frame)));
            }
        }
        if !self.calls.all.is_empty()
            && let Some(choice) = first_choice_mut(&mut held.frame)
            && choice.at("finish_reason").inside() == "stop"
        {
            "tool_calls".clone_into(&mut self.heard.reason);
            choice.set("finish_reason", Tree::word("tool_calls"));
            held.changed = true;
        }
        write(out, &held.event, held.changed.then_some(&held.frame));
    }

    fn fill(&mut self, frame: &mut Tree<'_>) -> bool {
        self.remember(&*frame);
        if self.created.is_none() && frame.at("created").is_filled() {
            self.created = Some(frame.at("created").clone().into_owned());
        }
        let wanted = [
            ("id", Tree::Text(Cow::Owned(self.heard.response_id.clone()))),
            ("object", Tree::word(KIND)),
            ("created", self.created.clone().unwrap_or_default()),
            ("model", Tree::Text(Cow::Owned(self.heard.model.clone()))),
        ];
        let mut changed = false;
        for (name, value) in wanted {
            let given = frame.at(name);
            let wrong = !given.is_filled() || (name == "object" && *given != value);
            if value.is_filled() && wrong {
                frame.set(name, value);
                changed = true;
            }
        }
        changed
    }

    fn mend_calls(&mut self, frame: &mut Tree<'_>, places: &Places) -> bool {
        let Some(Tree::List(fragments)) = first_choice_mut(frame)
            .and_then(|choice| choice.get_mut("delta"))
            .and_then(|delta| delta.get_mut("tool_calls"))
        else {
            return false;
        };
        let mut changed = false;
        for (number, entry) in fragments.iter_mut().enumerate().filter(|(_, entry)| entry.is_object()) {
            let (key, new) = self.calls.take(places.of(number), 0, &*entry);
            let Some(call) = self.calls.all.get_mut(key) else {
                continue;
            };
            let index = i64::try_from(key).unwrap_or_default();
            if frames::count(entry.get("index")) != Some(index) {
                entry.set("index", Tree::count(index));
                changed = true;
            }
            if new && call.id.is_empty() {
                call.id = frames::invented_id(key, &self.heard.response_id);
                entry.set("id", Tree::Text(Cow::Owned(call.id.clone())));
                changed = true;
            }
            if !entry.at("function").at("arguments").inside().is_empty() {
                call.wrote = true;
            }
        }
        changed
    }
}

/// The choice that each fragment of the folded choice came from.
enum Places {
    All(i64),
    Each(Vec<i64>),
}

impl Places {
    fn of(&self, number: usize) -> i64 {
        match self {
            Self::All(place) => *place,
            Self::Each(places) => places.get(number).copied().unwrap_or_default(),
        }
    }
}

fn first_choice<'f, 'a>(frame: &'f Tree<'a>) -> &'f Tree<'a> {
    frame.at("choices").items().first().unwrap_or_else(|| frame.at(""))
}

fn first_choice_mut<'f, 'a>(frame: &'f mut Tree<'a>) -> Option<&'f mut Tree<'a>> {
    match frame.get_mut("choices") {
        Some(Tree::List(items)) => items.first_mut(),
        _ => None,
    }
}

/// Makes one choice of all; the frame has at least one.
fn fold(frame: &mut Tree<'_>) -> (bool, Places) {
    let Some(Tree::List(items)) = frame.get_mut("choices") else {
        return (false, Places::All(0));
    };
    if let [first] = items.as_mut_slice() {
        let index = frames::count(first.get("index"));
        if index != Some(0) {
            first.set("index", Tree::count(0));
        }
        return (index != Some(0), Places::All(index.unwrap_or_default()));
    }
    let mut choices: Vec<_> = std::mem::take(items).into_iter().filter(Tree::is_object).collect();
    let mut delta = Tree::Object(Vec::new());
    let (mut calls, mut places) = (Vec::new(), Vec::new());
    let mut reason = String::new();
    for choice in &choices {
        let index = frames::count(choice.get("index")).unwrap_or_default();
        for (name, value) in choice.at("delta").members() {
            match (&**name, value) {
                ("tool_calls", Tree::List(entries)) => {
                    for entry in entries.iter().filter(|entry| entry.is_object()) {
                        calls.push(entry.clone());
                        places.push(index);
                    }
                }
                (key, Tree::Text(more)) if key != "role" && matches!(delta.get(key), Some(Tree::Text(_))) => {
                    let joined = Cow::Owned([delta.at(key).inside(), more].concat());
                    delta.set_named(name.clone(), Tree::Text(joined));
                }
                (key, Tree::Null) if delta.get(key).is_some() => {}
                _ => delta.set_named(name.clone(), value.clone()),
            }
        }
        let given = choice.at("finish_reason").inside();
        if given == "tool_calls" || reason.is_empty() {
            given.clone_into(&mut reason);
        }
    }
    let places = if calls.is_empty() {
        Places::All(0)
    } else {
        delta.set("tool_calls", Tree::List(calls));
        Places::Each(places)
    };
    let mut first = choices.swap_remove(0);
    first.set("index", Tree::count(0));
    first.set("delta", delta);
    let reason = if reason.is_empty() { Tree::Null } else { Tree::Text(Cow::Owned(reason)) };
    first.set("finish_reason", reason);
    items.push(first);
    (true, places)
}

fn empty_arguments(key: usize, frame: &Tree<'static>) -> Tree<'static> {
    let heads = ["id", "object", "created", "model"].into_iter();
    let mut made: Vec<_> =
        heads.filter_map(|name| Some((Cow::Borrowed(name), frame.get(name)?.clone()))).collect();
    let entry = Tree::object([
        ("index", Tree::count(i64::try_from(key).unwrap_or_default())),
        ("function", Tree::object([("arguments", Tree::word("{}"))])),
    ]);
    let choice = Tree::object([
        ("index", Tree::count(0)),
        ("delta", Tree::object([("tool_calls", Tree::List(vec![entry]))])),
        ("finish_reason", Tree::Null),
    ]);
    made.push((Cow::Borrowed("choices"), Tree::List(vec![choice])));
    Tree::Object(made)
}

/// Writes an event with its own data, or with a changed frame.
fn write(out: &mut Vec<u8>, event: &Event, changed: Option<&Tree<'_>>) {
    let field = |value: &Option<Vec<u8>>| value.clone().unwrap_or_default();
    let made = changed.map(Tree::to_json);
    let data = made.as_deref().map_or_else(|| event.data.as_deref().unwrap_or_default(), str::as_bytes);
    sse::write(out, data, &field(&event.event), &field(&event.id), &field(&event.retry));
}
