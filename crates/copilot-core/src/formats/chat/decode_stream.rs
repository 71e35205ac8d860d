//! Chat frames into events: choices merged, calls collected (upstream.md 4.4; D-T12 to D-T23).

use std::{borrow::Cow, mem};

use super::frames::{self, Calls};
use crate::{
    canonical::{AnswerEvent, Finish},
    look::Look,
    parts::{self, Heard},
    text::Node,
};

fn rank(reason: &str) -> u8 {
    match reason {
        "" => 0,
        "length" => 2,
        "content_filter" => 3,
        "function_call" => 4,
        "tool_calls" => 5,
        _ => 1,
    }
}

/// Takes frames, gives events. Texts are canonical insides.
#[derive(Debug, Default)]
pub(crate) struct StreamDecoder {
    started: bool,
    /// Its reason is that of all choices together
    heard: Heard,
    calls: Calls,
}

impl parts::StreamDecoder for StreamDecoder {
    fn heard(&self) -> &Heard {
        &self.heard
    }

    // A call says so too, whatever the finish reason says.
    fn finish(&self) -> Finish<'_> {
        let reason = match &*self.heard.reason {
            "" if self.called() => "tool_calls",
            "" => "stop",
            reason => reason,
        };
        Finish { reason: reason.into(), ..Finish::default() }
    }

    fn frame(&mut self, frame: Node<'_, '_>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let heard = &mut self.heard;
        if heard.response_id.is_empty() {
            heard.response_id = frame.word("id").into_owned();
        }
        if heard.model.is_empty() {
            heard.model = frame.word("model").into_owned();
        }
        let usage = frames::usage_of(frame);
        if let Some(usage) = usage {
            heard.usage = Some(frames::better(heard.usage, usage));
        }
        let choices =
            frame.member("choices").into_iter().flat_map(Look::each).filter(|choice| choice.is_map());
        for (number, choice) in choices.enumerate() {
            if !mem::replace(&mut self.started, true) {
                let Heard { response_id, model, usage, .. } = &self.heard;
                let created = frames::count(frame.member("created")).filter(|created| *created != 0);
                emit(AnswerEvent::Start { id: response_id, model, usage: *usage, created });
            }
            let index = frames::count(choice.member("index"));
            let index = index.unwrap_or_else(|| i64::try_from(number).unwrap_or_default());
            if let Some(delta) = choice.member("delta").filter(|delta| delta.is_map()) {
                self.delta(delta, index, emit);
            }
            self.finished(&choice.word("finish_reason"));
        }
        if usage.is_some()
            && let Some(usage) = self.heard.usage
        {
            emit(AnswerEvent::Usage(usage));
        }
    }

    // Passes on the calls that never got an id.
    fn end(&mut self, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        for key in 0..self.calls.all.len() {
            if self.calls.all.get(key).is_some_and(|call| !call.started) {
                self.start(key, emit);
            }
        }
    }
}

impl StreamDecoder {
    fn called(&self) -> bool {
        !self.calls.all.is_empty()
    }

    fn delta<'v>(&mut self, delta: impl Look<'v>, choice: i64, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let thought = frames::reasoning_text(delta);
        if !thought.is_empty() {
            emit(AnswerEvent::Reasoning(&thought));
        }
        let carrier = delta.word("reasoning_opaque");
        if !carrier.is_empty() {
            emit(AnswerEvent::Carrier { value: &carrier, redacted: false });
        }
        let piece = frames::content_text(delta.member("content"));
        if !piece.is_empty() {
            emit(AnswerEvent::Text(&piece));
        }
        let fragments = delta.member("tool_calls").into_iter().flat_map(Look::each).enumerate();
        for (position, fragment) in fragments.filter(|(_, fragment)| fragment.is_map()) {
            let position = i64::try_from(position).unwrap_or_default();
            let (key, _) = self.calls.take(choice, position, fragment);
            let arguments =
                fragment.member("function").map_or(Cow::default(), |function| function.word("arguments"));
            let Some(call) = self.calls.all.get_mut(key) else {
                continue;
            };
            if call.started {
                if !arguments.is_empty() {
                    emit(AnswerEvent::ToolArguments { key, text: &arguments });
                }
                continue;
            }
            if !arguments.is_empty() {
                call.arguments.push(arguments.into_owned());
            }
            if !call.id.is_empty() && !call.name.is_empty() {
                self.start(key, emit);
            }
        }
    }

    fn start(&mut self, key: usize, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let Some(call) = self.calls.all.get_mut(key) else {
            return;
        };
        call.started = true;
        if call.id.is_empty() {
            call.id = frames::invented_id(key, &self.heard.response_id);
        }
        let name = if call.name.is_empty() { "unknown" } else { &call.name };
        emit(AnswerEvent::ToolStart { key, id: &call.id, name, custom: false, namespace: "" });
        for text in mem::take(&mut call.arguments) {
            emit(AnswerEvent::ToolArguments { key, text: &text });
        }
    }

    fn finished(&mut self, reason: &str) {
        let called = self.called();
        let known = &mut self.heard.reason;
        if rank(reason) > rank(known) || known.is_empty() {
            reason.clone_into(known);
        }
        if matches!(&**known, "stop" | "") && called && !reason.is_empty() {
            "tool_calls".clone_into(known);
        }
    }
}
