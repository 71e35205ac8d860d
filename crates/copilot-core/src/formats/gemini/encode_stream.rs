//! Events into Google's stream: chunks of whole parts, as server-sent events or as one JSON array.

use super::{
    answer::{Ending, Part, push, thoughts, write_chunk, write_signed},
    signatures,
};
use crate::{
    canonical::{AnswerContext, AnswerEvent, Finish, Usage},
    parts,
    plans::{Framing, StreamPlan},
    text::escape,
};

/// How chunks are put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    /// Server-sent events
    Events,
    /// An array of which nothing was written
    Array,
    /// Its bracket was written
    Opened,
    /// A chunk of it was written
    Filled,
}

#[derive(Debug)]
struct Call {
    key: usize,
    id: String,
    name: String,
    arguments: String,
}

/// Writes text as it comes. Calls wait for the end: their arguments go out whole, and the carrier of the
/// reasoning, which may come after them, belongs on the first one (upstream.md 4.4, 10.4).
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    started: bool,
    wire: Wire,
    thoughts: bool,
    model: String,
    id: String,
    /// The parts of the frame so far, the last one open: it is a thought, or text
    parts: String,
    open: Option<bool>,
    calls: Vec<Call>,
    carriers: Vec<(String, bool)>,
}

impl parts::StreamEncoder for StreamEncoder {
    fn started(&self) -> bool {
        self.started
    }

    fn event(&mut self, _out: &mut String, event: AnswerEvent<'_>) {
        if matches!(event, AnswerEvent::Usage(_)) {
            return;
        }
        self.started = true;
        match event {
            AnswerEvent::Start { id, model, .. } => {
                id.clone_into(&mut self.id);
                if !model.is_empty() {
                    model.clone_into(&mut self.model);
                }
            }
            AnswerEvent::Text(text) => self.append(text, false),
            AnswerEvent::Reasoning(text) if self.thoughts => self.append(text, true),
            AnswerEvent::Reasoning(_) | AnswerEvent::Usage(_) => {}
            AnswerEvent::Carrier { value, redacted } => self.carriers.push((value.to_owned(), redacted)),
            AnswerEvent::ToolStart { key, id, name, .. } => {
                let (id, name) = (id.to_owned(), name.to_owned());
                self.calls.push(Call { key, id, name, arguments: String::new() });
            }
            AnswerEvent::ToolArguments { key, text } => {
                if let Some(call) = self.calls.iter_mut().find(|call| call.key == key) {
                    call.arguments.push_str(text);
                }
            }
        }
    }

    fn end_of_frame(&mut self, out: &mut String) {
        if self.open.is_none() {
            return;
        }
        self.close_part();
        let parts = std::mem::take(&mut self.parts);
        self.begin(out);
        write_chunk(out, |out| out.push_str(&parts), &self.model, &self.id, None, None);
        self.end(out);
        self.parts = parts;
        self.parts.clear();
    }

    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>) {
        let (parts, malformed) = self.whole_calls();
        let end = Some(Ending { reason: &finish.reason, malformed: &malformed });
        self.write_parts(out, &parts, end, usage);
        self.closing(out);
    }

    fn fail(&mut self, out: &mut String, message: &str, code: &str) {
        let (parts, _) = self.whole_calls();
        if !parts.is_empty() {
            self.write_parts(out, &parts, None, None);
        }
        let (number, status) = status(code);
        self.begin(out);
        push(out, &["{\"error\":{\"code\":", number, ",\"message\":\"", &escape(message)]);
        push(out, &["\",\"status\":\"", status, "\"}}"]);
        self.end(out);
        self.closing(out);
    }

    /// google-genai takes a comment for the beginning of an error, so there is none of them.
    fn keep_alive(&mut self, out: &mut String) {
        match self.wire {
            Wire::Events => {
                self.begin(out);
                write_chunk(out, |out| write_signed(out, &[], ""), &self.model, &self.id, None, None);
                self.end(out);
            }
            Wire::Array => {
                self.wire = Wire::Opened;
                out.push('[');
            }
            Wire::Opened | Wire::Filled => out.push('\n'),
        }
    }
}

impl StreamEncoder {
    pub(crate) fn new(plan: &StreamPlan, context: &AnswerContext) -> Self {
        Self {
            started: false,
            wire: if plan.framing == Framing::Array { Wire::Array } else { Wire::Events },
            thoughts: thoughts(context),
            model: escape(&plan.model).into_owned(),
            id: String::new(),
            parts: String::new(),
            open: None,
            calls: Vec::new(),
            carriers: Vec::new(),
        }
    }

    fn append(&mut self, text: &str, thought: bool) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(thought) {
            if self.open.is_some() {
                self.close_part();
                self.parts.push(',');
            }
            self.parts.push_str("{\"text\":\"");
            self.open = Some(thought);
        }
        self.parts.push_str(text);
    }

    fn close_part(&mut self) {
        self.parts.push_str(if self.open == Some(true) { "\",\"thought\":true}" } else { "\"}" });
        self.open = None;
    }

    fn whole_calls(&self) -> (Vec<Part>, String) {
        let mut malformed = String::new();
        let whole = self.calls.iter().filter_map(|call| {
            let part = Part::call(&call.id, &call.name, &call.arguments);
            if part.is_none() && malformed.is_empty() {
                malformed = [&*call.name, "(", &call.arguments, ")"].concat();
            }
            part
        });
        (whole.collect(), malformed)
    }

    fn write_parts(
        &mut self,
        out: &mut String,
        parts: &[Part],
        end: Option<Ending<'_>>,
        usage: Option<Usage>,
    ) {
        let carriers = self.carriers.iter().map(|(carrier, redacted)| (&**carrier, *redacted));
        let signature = signatures::write(carriers);
        self.begin(out);
        write_chunk(out, |out| write_signed(out, parts, &signature), &self.model, &self.id, end, usage);
        self.end(out);
    }

    fn begin(&mut self, out: &mut String) {
        out.push_str(match self.wire {
            Wire::Events => "data: ",
            Wire::Array => "[",
            Wire::Opened => "",
            Wire::Filled => "\n,",
        });
        if self.wire != Wire::Events {
            self.wire = Wire::Filled;
        }
    }

    fn end(&self, out: &mut String) {
        if self.wire == Wire::Events {
            out.push_str("\r\n\r\n");
        }
    }

    fn closing(&self, out: &mut String) {
        if self.wire != Wire::Events {
            out.push_str("\n]");
        }
    }
}

/// Number and word for an error within a stream (upstream.md 8.6).
fn status(code: &str) -> (&'static str, &'static str) {
    if code.contains("rate_limit") {
        ("429", "RESOURCE_EXHAUSTED")
    } else if code.contains("overload") {
        ("503", "UNAVAILABLE")
    } else if ["content_filter", "max_prompt_tokens", "invalid"].iter().any(|part| code.contains(part)) {
        ("400", "INVALID_ARGUMENT")
    } else {
        ("500", "INTERNAL")
    }
}
