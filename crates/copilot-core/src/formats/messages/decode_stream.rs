//! Anthropic frames into events (upstream.md 6.4, 10.3).

use std::mem;

use super::frames::{REDACTED, UsageMeter, finish_reason};
use crate::{
    canonical::{AnswerEvent, Finish},
    formats::chat::frames::count,
    look::Look as _,
    parts::{self, Heard},
    text::{Node, escape_json_text},
};

/// A content block that is not closed yet.
#[derive(Debug, Default)]
struct Open {
    index: i64,
    call: Option<usize>,
    wrote: bool,
    signature: String,
}

/// Takes frames, gives events; calls are counted in the order of their blocks. Texts are canonical insides.
#[derive(Debug, Default)]
pub(crate) struct StreamDecoder {
    started: bool,
    heard: Heard,
    meter: UsageMeter,
    stop_sequence: String,
    calls: usize,
    open: Vec<Open>,
}

impl parts::StreamDecoder for StreamDecoder {
    fn heard(&self) -> &Heard {
        &self.heard
    }

    fn finish(&self) -> Finish<'_> {
        let reason = match &*self.heard.reason {
            "" if self.calls > 0 => "tool_calls",
            "" => "stop",
            reason => reason,
        };
        Finish { reason: reason.into(), stop_sequence: (&*self.stop_sequence).into() }
    }

    fn frame(&mut self, frame: Node<'_, '_>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let index = || count(frame.member("index")).unwrap_or_default();
        match &*frame.word("type") {
            "message_start" => {
                let message = frame.member("message");
                let word = |name| message.map(|message| message.word(name)).unwrap_or_default().into_owned();
                self.heard.response_id = word("id");
                self.heard.model = word("model");
                self.meter.take(frame, &mut self.heard.usage);
                self.start(emit);
            }
            "content_block_start" => {
                self.start(emit);
                self.close(index(), emit);
                self.open(index(), frame.member("content_block"), emit);
            }
            "content_block_delta" => {
                self.start(emit);
                self.delta(index(), frame.member("delta"), emit);
            }
            "content_block_stop" => self.close(index(), emit),
            "message_delta" => self.message_delta(frame, emit),
            _ => {}
        }
    }

    // Closes all blocks: the stream is over.
    fn end(&mut self, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        // A call without arguments has none only when its block was closed, or the answer was complete.
        let whole = !self.heard.reason.is_empty();
        for block in mem::take(&mut self.open) {
            closed(&block, whole, emit);
        }
    }
}

fn closed(block: &Open, whole: bool, emit: &mut impl FnMut(AnswerEvent<'_>)) {
    if !block.signature.is_empty() {
        emit(AnswerEvent::Carrier { value: &block.signature, redacted: false });
    }
    if let Some(key) = block.call
        && !block.wrote
        && whole
    {
        emit(AnswerEvent::ToolArguments { key, text: "{}" });
    }
}

impl StreamDecoder {
    fn start(&mut self, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        if !mem::replace(&mut self.started, true) {
            let Heard { response_id, model, usage, .. } = &self.heard;
            emit(AnswerEvent::Start { id: response_id, model, usage: *usage, created: None });
        }
    }

    fn close(&mut self, index: i64, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        if let Some(place) = self.open.iter().position(|block| block.index == index) {
            closed(&self.open.remove(place), true, emit);
        }
    }

    fn open(&mut self, index: i64, block: Option<Node<'_, '_>>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let mut opened = Open { index, ..Open::default() };
        if let Some(block) = block {
            match &*block.word("type") {
                "text" => emit_text(&block.word("text"), emit),
                "thinking" => {
                    opened.signature = block.word("signature").into_owned();
                    emit_thought(&block.word("thinking"), emit);
                }
                "redacted_thinking" => {
                    let data = block.word("data");
                    if !data.is_empty() {
                        let value = [REDACTED, &data].concat();
                        emit(AnswerEvent::Carrier { value: &value, redacted: true });
                    }
                }
                "tool_use" => self.call(&mut opened, block, emit),
                _ => {}
            }
        }
        self.open.push(opened);
    }

    fn call(&mut self, opened: &mut Open, block: Node<'_, '_>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let key = self.calls;
        self.calls += 1;
        opened.call = Some(key);
        let (id, name) = (block.word("id"), block.word("name"));
        emit(AnswerEvent::ToolStart { key, id: &id, name: &name, custom: false, namespace: "" });
        let given = block.member("input").filter(|input| input.is_map());
        if let Some(given) = given.filter(|given| given.written_members().next().is_some()) {
            opened.wrote = true;
            let mut text = String::new();
            escape_json_text(&mut text, &given.canonical());
            emit(AnswerEvent::ToolArguments { key, text: &text });
        }
    }

    fn delta(&mut self, index: i64, delta: Option<Node<'_, '_>>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        let place = self.open.iter().position(|block| block.index == index);
        if place.is_none() {
            self.open.push(Open { index, ..Open::default() });
        }
        let place = place.unwrap_or(self.open.len() - 1);
        let (Some(block), Some(delta)) = (self.open.get_mut(place), delta) else {
            return;
        };
        match &*delta.word("type") {
            "text_delta" => emit_text(&delta.word("text"), emit),
            "thinking_delta" => emit_thought(&delta.word("thinking"), emit),
            "signature_delta" => block.signature = delta.word("signature").into_owned(),
            "input_json_delta" => {
                let piece = delta.word("partial_json");
                if let Some(key) = block.call.filter(|_| !piece.is_empty()) {
                    block.wrote = true;
                    emit(AnswerEvent::ToolArguments { key, text: &piece });
                }
            }
            _ => {}
        }
    }

    fn message_delta(&mut self, frame: Node<'_, '_>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        if let Some(delta) = frame.member("delta") {
            let (reason, sequence) = (delta.word("stop_reason"), delta.word("stop_sequence"));
            if !reason.is_empty() {
                finish_reason(&reason).clone_into(&mut self.heard.reason);
            }
            if !sequence.is_empty() {
                self.stop_sequence = sequence.into_owned();
            }
        }
        if self.meter.take(frame, &mut self.heard.usage)
            && let Some(usage) = self.heard.usage
        {
            emit(AnswerEvent::Usage(usage));
        }
    }
}

fn emit_text(text: &str, emit: &mut impl FnMut(AnswerEvent<'_>)) {
    if !text.is_empty() {
        emit(AnswerEvent::Text(text));
    }
}

fn emit_thought(text: &str, emit: &mut impl FnMut(AnswerEvent<'_>)) {
    if !text.is_empty() {
        emit(AnswerEvent::Reasoning(text));
    }
}
