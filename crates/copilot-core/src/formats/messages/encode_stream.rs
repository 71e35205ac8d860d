//! Events into an Anthropic stream: one block open at a time, nothing after the end (compat.md 4.5, cured).

use std::{collections::VecDeque, fmt::Write as _};

use super::answer::{stop_reason, write_stop_sequence, write_usage};
use crate::{
    canonical::{AnswerEvent, Finish, Usage},
    parts,
    plans::StreamPlan,
    text::{Document, escape, unescape},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Redacted,
    Tool,
}

/// A content block in the order of first appearance; only the first of the queue is being written.
#[derive(Debug)]
struct Block {
    kind: Kind,
    key: usize,
    id: String,
    name: String,
    waiting: Vec<String>,
    signature: String,
    begun: bool,
    arguments: Arguments,
}

impl Block {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            key: 0,
            id: String::new(),
            name: String::new(),
            waiting: Vec::new(),
            signature: String::new(),
            begun: false,
            arguments: Arguments::default(),
        }
    }

    /// A tool's arguments are whole when they are JSON; text and reasoning end when something follows.
    fn may_close(&self) -> bool {
        self.kind != Kind::Tool || self.arguments.are_whole()
    }
}

/// The arguments that went out, to know whether they are whole.
#[derive(Debug, Default)]
struct Arguments {
    text: String,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Arguments {
    fn push(&mut self, inside: &str) {
        let text = unescape(inside);
        for byte in text.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.text.push_str(&text);
    }

    /// Reads the text only when its brackets are closed, so that it is not read again for each piece.
    fn are_whole(&self) -> bool {
        self.depth == 0
            && !self.in_string
            && self.text.trim_end_matches([' ', '\t', '\n', '\r']).ends_with('}')
            && Document::read(self.text.as_bytes()).is_ok()
    }
}

/// Writes events.
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    started: bool,
    /// The estimate for `message_start` (D-T20)
    estimate: i64,
    reasoning: bool,
    queue: VecDeque<Block>,
    index: usize,
    /// A carrier that came within a text, for a block of its own after it
    late: String,
}

impl parts::StreamEncoder for StreamEncoder {
    fn started(&self) -> bool {
        self.started
    }

    fn event(&mut self, out: &mut String, event: AnswerEvent<'_>) {
        match event {
            AnswerEvent::Start { id, model, usage, .. } => self.start(out, id, model, usage),
            AnswerEvent::Text(text) => self.piece(out, Kind::Text, text),
            AnswerEvent::Reasoning(text) if self.reasoning => self.piece(out, Kind::Thinking, text),
            AnswerEvent::Carrier { value, redacted } if self.reasoning => self.carrier(out, value, redacted),
            AnswerEvent::Reasoning(_) | AnswerEvent::Carrier { .. } | AnswerEvent::Usage(_) => {}
            AnswerEvent::ToolStart { key, id, name, .. } => {
                self.put_late();
                let block = Block { key, id: id.to_owned(), name: name.to_owned(), ..Block::new(Kind::Tool) };
                self.queue.push_back(block);
                self.advance(out);
            }
            AnswerEvent::ToolArguments { key, text } => self.arguments(out, key, text),
        }
    }

    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>) {
        self.close_all(out);
        open(out, "message_delta");
        out.push_str(",\"delta\":{\"stop_reason\":\"");
        out.push_str(stop_reason(&finish.reason));
        out.push_str("\",\"stop_sequence\":");
        write_stop_sequence(out, &finish.stop_sequence);
        out.push_str("},\"usage\":");
        write_usage(out, usage, None);
        close(out);
        open(out, "message_stop");
        close(out);
    }

    // All that was received, then one error (D-H9, D-T13).
    fn fail(&mut self, out: &mut String, message: &str, code: &str) {
        let kind = if code.contains("overload") { "overloaded_error" } else { "api_error" };
        self.close_all(out);
        open(out, "error");
        out.push_str(",\"error\":{\"type\":\"");
        out.push_str(kind);
        out.push_str("\",\"message\":\"");
        out.push_str(&escape(message));
        out.push_str("\"}");
        close(out);
    }

    fn keep_alive(&mut self, out: &mut String) {
        if self.started {
            open(out, "ping");
            close(out);
        } else {
            out.push_str(": keep-alive\n\n");
        }
    }
}

impl StreamEncoder {
    pub(crate) const fn new(plan: &StreamPlan) -> Self {
        let (estimate, reasoning) = (plan.input_tokens, plan.reasoning);
        let late = String::new();
        Self { started: false, estimate, reasoning, queue: VecDeque::new(), index: 0, late }
    }

    fn start(&mut self, out: &mut String, id: &str, model: &str, usage: Option<Usage>) {
        self.started = true;
        let usage = usage.filter(|usage| usage.input != 0);
        let usage = usage.unwrap_or(Usage { input: self.estimate, ..Usage::default() });
        open(out, "message_start");
        out.push_str(",\"message\":{\"id\":\"");
        out.push_str(id);
        out.push_str("\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"");
        out.push_str(model);
        out.push_str("\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
        write_usage(out, Some(usage), Some(0));
        out.push('}');
        close(out);
    }

    fn piece(&mut self, out: &mut String, kind: Kind, text: &str) {
        if let [block] = self.queue.make_contiguous()
            && block.kind == kind
            && block.begun
            && block.signature.is_empty()
        {
            // What nearly every piece is: more of the only block, without a place to wait in.
            delta(out, self.index, kind, text);
            return;
        }
        if self.queue.back().is_none_or(|block| block.kind != kind || !block.signature.is_empty()) {
            self.queue.push_back(Block::new(kind));
        }
        if let Some(block) = self.queue.back_mut() {
            block.waiting.push(text.to_owned());
        }
        self.advance(out);
    }

    fn arguments(&mut self, out: &mut String, key: usize, text: &str) {
        for block in &mut self.queue {
            if block.kind == Kind::Tool && block.key == key {
                block.waiting.push(text.to_owned());
            }
        }
        self.advance(out);
    }

    /// Signs the reasoning that it belongs to; one without reasoning gets a block of its own.
    fn carrier(&mut self, out: &mut String, value: &str, redacted: bool) {
        let is_unsigned = |block: &&mut Block| block.kind == Kind::Thinking && block.signature.is_empty();
        if redacted {
            self.queue.push_back(Block { signature: value.to_owned(), ..Block::new(Kind::Redacted) });
        } else if let Some(block) = self.queue.iter_mut().rev().find(is_unsigned) {
            value.clone_into(&mut block.signature);
            return;
        } else if self.queue.back().is_some_and(|block| block.kind == Kind::Text) {
            self.put_late();
            value.clone_into(&mut self.late);
            return;
        } else {
            self.queue.push_back(Block { signature: value.to_owned(), ..Block::new(Kind::Thinking) });
        }
        self.advance(out);
    }

    fn put_late(&mut self) {
        let signature = std::mem::take(&mut self.late);
        if !signature.is_empty() {
            self.queue.push_back(Block { signature, ..Block::new(Kind::Thinking) });
        }
    }

    /// Writes what the first block has; moves on while a later one waits and the first may close.
    fn advance(&mut self, out: &mut String) {
        while let Some(block) = self.queue.front_mut() {
            flush(out, self.index, block);
            if self.queue.len() == 1 || self.queue.front().is_some_and(|block| !block.may_close()) {
                return;
            }
            self.close_first(out);
        }
    }

    fn close_all(&mut self, out: &mut String) {
        self.put_late();
        while !self.queue.is_empty() {
            self.close_first(out);
        }
    }

    fn close_first(&mut self, out: &mut String) {
        let Some(mut block) = self.queue.pop_front() else {
            return;
        };
        flush(out, self.index, &mut block);
        if !block.signature.is_empty() && block.kind == Kind::Thinking {
            open_indexed(out, "content_block_delta", self.index);
            out.push_str(",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"");
            out.push_str(&block.signature);
            out.push_str("\"}");
            close(out);
        }
        open_indexed(out, "content_block_stop", self.index);
        close(out);
        self.index += 1;
    }
}

fn flush(out: &mut String, index: usize, block: &mut Block) {
    if !block.begun {
        block.begun = true;
        open_indexed(out, "content_block_start", index);
        out.push_str(",\"content_block\":");
        match block.kind {
            Kind::Text => out.push_str("{\"type\":\"text\",\"text\":\"\"}"),
            Kind::Thinking => out.push_str("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
            Kind::Redacted => {
                for part in ["{\"type\":\"redacted_thinking\",\"data\":\"", &block.signature, "\"}"] {
                    out.push_str(part);
                }
            }
            Kind::Tool => {
                for part in ["{\"type\":\"tool_use\",\"id\":\"", &block.id, "\",\"name\":\"", &block.name] {
                    out.push_str(part);
                }
                out.push_str("\",\"input\":{}}");
            }
        }
        close(out);
    }
    for piece in block.waiting.drain(..) {
        delta(out, index, block.kind, &piece);
        if block.kind == Kind::Tool {
            block.arguments.push(&piece);
        }
    }
}

fn delta(out: &mut String, index: usize, kind: Kind, piece: &str) {
    open_indexed(out, "content_block_delta", index);
    out.push_str(match kind {
        Kind::Text => ",\"delta\":{\"type\":\"text_delta\",\"text\":\"",
        Kind::Thinking | Kind::Redacted => ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"",
        Kind::Tool => ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"",
    });
    out.push_str(piece);
    out.push_str("\"}");
    close(out);
}

fn open(out: &mut String, name: &str) {
    for part in ["event: ", name, "\ndata: {\"type\":\"", name, "\""] {
        out.push_str(part);
    }
}

fn open_indexed(out: &mut String, name: &str, index: usize) {
    open(out, name);
    // Writing to a string cannot fail.
    let _ = write!(out, ",\"index\":{index}");
}

fn close(out: &mut String) {
    out.push_str("}\n\n");
}
