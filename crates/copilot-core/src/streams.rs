//! Stream translators: SSE of a leg in, the client's stream out; ends and errors judged once.
//!
//! [`State`] knows when a stream is over and how; its [`Writer`] knows what is written: a stream relayed within
//! its format, or one translated through the canonical events.

use crate::{
    canonical::{AnswerEvent, Usage},
    carriers, context,
    formats::{self, Decoder, Encoder, Repairs},
    parts::{Heard, StreamDecoder as _, StreamEncoder as _, StreamRepairs as _, Verdict},
    plans::{Leg, StreamPlan, Unsupported},
    redaction::redact,
    sse::{Event, Parser},
    text::{Document, Kind, Node, escape, unescape},
};

/// Bytes that a stream keeps for the text of its next frame.
const MOST_KEPT: usize = 16 * 1024;

const NOTHING: &str = "upstream ended the stream without an answer";

/// Why a stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// A clean end
    End,
    /// The connection broke
    Cut,
    /// Upstream was silent
    Idle,
    /// A frame was too large
    TooLarge,
    /// The gateway stops
    Shutdown,
    /// The request was cancelled
    Cancelled,
}

impl StreamEnd {
    /// The word that Python knows it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Cut => "cut",
            Self::Idle => "idle",
            Self::TooLarge => "too_large",
            Self::Shutdown => "shutdown",
            Self::Cancelled => "cancelled",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::End => "upstream ended the stream before the answer was complete",
            Self::Cut => "the connection to upstream broke before the answer was complete",
            Self::Idle => "upstream was silent for too long",
            Self::TooLarge => "upstream sent a frame that is too large",
            Self::Shutdown => "the gateway is shutting down; try again",
            Self::Cancelled => "the request was cancelled",
        }
    }
}

/// The stream failed before a byte was written: answer with a status instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What failed
    pub message: String,
    /// Upstream's error object as JSON, or empty
    pub body: String,
    /// HTTP status
    pub status: u16,
}

/// What a translator has seen so far; empty texts mean that nothing came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamFacts {
    /// Frames of the answer
    pub events: u64,
    /// The model
    pub model: String,
    /// The answer's id
    pub response_id: String,
    /// Why the model stopped
    pub finish_reason: String,
    /// Token usage
    pub usage: Option<Usage>,
    /// Message of an in-band error
    pub error: Option<String>,
}

/// What passes the border between a leg and a foreign dialect: tool names and reasoning carriers.
#[derive(Debug)]
struct Border {
    /// Tool names as they were sent upstream, and the client's own.
    names: Vec<(String, String)>,
    /// What is put before a carrier.
    tag: String,
    /// When the answer was made, where upstream does not say so.
    now: Option<i64>,
}

impl Border {
    #[inline]
    fn pass(&self, event: AnswerEvent<'_>, to: &mut impl FnMut(AnswerEvent<'_>)) {
        match event {
            AnswerEvent::Start { id, model, usage, created: None } => {
                to(AnswerEvent::Start { id, model, usage, created: self.now });
            }
            AnswerEvent::ToolStart { key, id, name, custom, namespace } => {
                let own = self.names.iter().find(|(fitted, _)| fitted == name);
                let name = own.map_or(name, |(_, own)| own);
                to(AnswerEvent::ToolStart { key, id, name, custom, namespace });
            }
            AnswerEvent::Carrier { value, redacted } => {
                to(AnswerEvent::Carrier { value: &[&self.tag, value].concat(), redacted });
            }
            _ => to(event),
        }
    }
}

/// Writes what a stream becomes.
#[derive(Debug)]
enum Writer {
    /// The dialect is the leg's own format.
    Relayed(Box<Repairs>),
    Translated(Box<Translated>),
}

/// Through the canonical events.
#[derive(Debug)]
struct Translated {
    decoder: Decoder,
    encoder: Encoder,
    border: Border,
    /// What one frame becomes, kept so that not each of them asks for memory.
    text: String,
}

impl Translated {
    /// Appends what the decoder held back.
    fn end(&mut self, text: &mut String) {
        let Self { decoder, encoder, border, .. } = self;
        decoder.end(&mut |piece| border.pass(piece, &mut |piece| encoder.event(text, piece)));
        encoder.end_of_frame(text);
    }
}

impl Writer {
    fn new(plan: &StreamPlan) -> Result<Self, Unsupported> {
        if plan.dialect.own_leg() == Some(plan.leg) {
            return Ok(Self::Relayed(Box::new(Repairs::new(plan)?)));
        }
        let known = context::read(&plan.context);
        Ok(Self::Translated(Box::new(Translated {
            decoder: Decoder::new(plan.leg)?,
            encoder: Encoder::new(plan, &known)?,
            border: Border {
                names: known.names,
                tag: carriers::tag(plan.leg, &plan.model),
                now: (plan.now != 0).then_some(plan.now),
            },
            text: String::new(),
        })))
    }

    fn heard(&self) -> &Heard {
        match self {
            Self::Relayed(repairs) => repairs.heard(),
            Self::Translated(translated) => translated.decoder.heard(),
        }
    }

    fn frame(&mut self, out: &mut Vec<u8>, event: &Event, frame: Node<'_, '_>) {
        match self {
            Self::Relayed(repairs) => repairs.frame(out, event, frame),
            Self::Translated(translated) => {
                let Translated { decoder, encoder, border, text } = &mut **translated;
                text.clear();
                decoder
                    .frame(frame, &mut |piece| border.pass(piece, &mut |piece| encoder.event(text, piece)));
                encoder.end_of_frame(text);
                out.extend_from_slice(text.as_bytes());
                text.shrink_to(MOST_KEPT);
            }
        }
    }
}

/// A pure state machine: no input or output, no clock. Any split of the input gives the same output.
#[derive(Debug)]
pub struct StreamTranslator {
    parser: Parser,
    state: State,
}

#[derive(Debug)]
struct State {
    leg: Leg,
    writer: Writer,
    events: u64,
    wrote: bool,
    done: bool,
    error: Option<String>,
    refusal: Option<Refusal>,
}

impl StreamTranslator {
    /// Makes a translator.
    ///
    /// # Errors
    ///
    /// [`Unsupported`]
    pub fn new(plan: &StreamPlan) -> Result<Self, Unsupported> {
        let writer = Writer::new(plan)?;
        let state =
            State { leg: plan.leg, writer, events: 0, wrote: false, done: false, error: None, refusal: None };
        Ok(Self { parser: Parser::new(plan.frame_limit), state })
    }

    /// The end mark or an error was written, or there is a refusal; nothing may follow.
    #[must_use]
    pub const fn done(&self) -> bool {
        self.state.done
    }

    /// Set when the stream failed before a byte was written.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.state.refusal.as_ref()
    }

    /// Frames of the answer so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.state.events
    }

    /// Message of an in-band error.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.state.error.as_deref()
    }

    /// What was seen so far.
    #[must_use]
    pub fn facts(&self) -> StreamFacts {
        let heard = self.state.writer.heard();
        let plain = |inside: &str| unescape(inside).into_owned();
        StreamFacts {
            events: self.state.events,
            model: plain(&heard.model),
            response_id: plain(&heard.response_id),
            finish_reason: plain(&heard.reason),
            usage: heard.usage,
            error: self.state.error.clone(),
        }
    }

    /// Takes upstream bytes, appends bytes for the client (maybe none).
    pub fn feed(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if self.state.done {
            return;
        }
        let state = &mut self.state;
        if self.parser.feed(data, |event| state.take(&event, out)).is_err() {
            self.finish(StreamEnd::TooLarge, "", out);
        }
    }

    /// Appends what completes the client's stream; the upstream body is over.
    pub fn finish(&mut self, end: StreamEnd, message: &str, out: &mut Vec<u8>) {
        let state = &mut self.state;
        if state.done {
            return;
        }
        let too_large = end == StreamEnd::End && self.parser.finish(|event| state.take(&event, out)).is_err();
        if state.done {
            return;
        }
        let end = if too_large { StreamEnd::TooLarge } else { end };
        if !state.writer.heard().reason.is_empty()
            && !matches!(end, StreamEnd::Shutdown | StreamEnd::Cancelled)
        {
            state.complete(out);
        } else {
            state.fail(out, if message.is_empty() { end.message() } else { message }, "", None);
        }
    }

    /// Appends a frame that clients of the dialect ignore, legal at this point of the stream.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        self.state.wrote = true;
        match &mut self.state.writer {
            Writer::Relayed(repairs) => repairs.keep_alive(out),
            Writer::Translated(translated) => as_text(out, |text| translated.encoder.keep_alive(text)),
        }
    }
}

impl State {
    /// Takes one event; tells whether the next one is wanted.
    fn take(&mut self, event: &Event, out: &mut Vec<u8>) -> bool {
        let Some(data) = event.data.as_deref().filter(|data| !data.is_empty()) else {
            return true;
        };
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
        if data.ends_with(b"]") || data.last().is_some_and(is_space) {
            let start = data.iter().position(|byte| !is_space(byte)).unwrap_or(data.len());
            let end = data.iter().rposition(|byte| !is_space(byte)).map_or(start, |place| place + 1);
            if data.get(start..end) == Some(b"[DONE]") {
                if formats::done_ends(self.leg) {
                    self.complete(out);
                }
                return !self.done;
            }
        }
        let Ok(document) = Document::read(data) else {
            self.fail(out, "upstream sent a frame that is not JSON", "", None);
            return false;
        };
        let frame = document.root();
        if frame.kind() != Kind::Object {
            self.fail(out, "upstream sent a frame that is not an object", "", None);
            return false;
        }
        let verdict = formats::judge(self.leg, frame);
        if let Verdict::Fault { message, code } = verdict {
            self.fault(out, &message, &code, frame);
            return false;
        }
        self.events += 1;
        let before = out.len();
        self.writer.frame(out, event, frame);
        self.wrote |= out.len() > before;
        if verdict == Verdict::Over {
            self.complete(out);
        }
        !self.done
    }

    fn began(&self) -> bool {
        match &self.writer {
            Writer::Relayed(_) => self.wrote,
            Writer::Translated(translated) => translated.encoder.started(),
        }
    }

    fn complete(&mut self, out: &mut Vec<u8>) {
        if !self.wrote && self.writer.heard().reason.is_empty() && !self.began() {
            self.fail(out, NOTHING, "", None);
            return;
        }
        self.done = true;
        match &mut self.writer {
            Writer::Relayed(repairs) => repairs.complete(out),
            Writer::Translated(translated) if !translated.encoder.started() => {
                self.error_mark(out, NOTHING, "");
            }
            Writer::Translated(translated) => as_text(out, |text| {
                translated.end(text);
                let Translated { decoder, encoder, .. } = &mut **translated;
                encoder.finish(text, &decoder.finish(), decoder.heard().usage);
            }),
        }
    }

    fn fault(&mut self, out: &mut Vec<u8>, message: &str, code: &str, frame: Node<'_, '_>) {
        let body = if frame.get("error").is_some() {
            frame.canonical().into_owned()
        } else {
            let code = if code.is_empty() { "null".to_owned() } else { format!("\"{}\"", escape(code)) };
            format!("{{\"error\":{{\"message\":\"{}\",\"code\":{code}}}}}", escape(message))
        };
        self.fail(out, message, code, Some(body));
    }

    fn fail(&mut self, out: &mut Vec<u8>, message: &str, code: &str, body: Option<String>) {
        self.done = true;
        if !self.wrote {
            let body = body.unwrap_or_default();
            self.refusal = Some(Refusal { message: message.to_owned(), body, status: status(code) });
            return;
        }
        // What upstream echoes goes no further than here; a refusal is rendered, and masked, elsewhere.
        let (message, code) = (redact(message), redact(code));
        self.error_mark(out, &message, &code);
        self.error = Some(message.into_owned());
    }

    fn error_mark(&mut self, out: &mut Vec<u8>, message: &str, code: &str) {
        match &mut self.writer {
            Writer::Relayed(repairs) => repairs.fail(out, message, code),
            Writer::Translated(translated) => as_text(out, |text| {
                translated.end(text);
                translated.encoder.fail(text, message, code);
            }),
        }
    }
}

/// Lets text be appended to bytes without copying what is there.
fn as_text(out: &mut Vec<u8>, write: impl FnOnce(&mut String)) {
    let mut text = String::with_capacity(256);
    write(&mut text);
    out.extend_from_slice(text.as_bytes());
}

/// The HTTP status for an error that came as the first frame.
fn status(code: &str) -> u16 {
    if code.contains("rate_limit") {
        429
    } else if code.contains("overload") {
        503
    } else if ["content_filter", "max_prompt_tokens", "context_length", "invalid"]
        .iter()
        .any(|part| code.contains(part))
    {
        400
    } else {
        502
    }
}
