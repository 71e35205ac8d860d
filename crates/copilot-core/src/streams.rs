//! Stream translators from the chat leg: SSE in, the client's stream out; ends and errors judged once.

use crate::{
    formats::{
        chat::{
            Usage,
            decode_stream::ChatStreamDecoder,
            frames::{self, inside_of, plain},
            relay_repairs::ChatRelayRepairs,
        },
        messages::encode_stream::{MessagesStreamEncoder, ping},
    },
    sse::{self, Event, Parser},
    text::{Document, Kind, Node},
};

const COMMENT: &[u8] = b": keep-alive\n\n";

/// How a streamed answer is to be written; see `StreamPlan` of `engine/interfaces.py`.
#[derive(Debug, Clone, Copy)]
pub struct StreamPlan {
    /// The client speaks messages, not chat
    pub messages: bool,
    /// Estimate for `message_start`
    pub input_tokens: i64,
    /// Send reasoning as thinking blocks
    pub reasoning: bool,
    /// Bytes of one frame
    pub frame_limit: usize,
}

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

/// What differs between the dialects.
#[derive(Debug)]
enum Writer {
    Chat(ChatRelayRepairs),
    Messages { decoder: ChatStreamDecoder, encoder: MessagesStreamEncoder },
}

/// A pure state machine: no input or output, no clock. Any split of the input gives the same output.
#[derive(Debug)]
pub struct StreamTranslator {
    parser: Parser,
    state: State,
}

#[derive(Debug)]
struct State {
    writer: Writer,
    events: u64,
    wrote: bool,
    done: bool,
    error: Option<String>,
    refusal: Option<Refusal>,
}

impl StreamTranslator {
    /// Makes a translator.
    #[must_use]
    pub fn new(plan: &StreamPlan) -> Self {
        let writer = if plan.messages {
            Writer::Messages {
                decoder: ChatStreamDecoder::default(),
                encoder: MessagesStreamEncoder::new(plan.input_tokens, plan.reasoning),
            }
        } else {
            Writer::Chat(ChatRelayRepairs::default())
        };
        let state = State { writer, events: 0, wrote: false, done: false, error: None, refusal: None };
        Self { parser: Parser::new(plan.frame_limit), state }
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
        let (model, response_id, usage) = match &self.state.writer {
            Writer::Chat(repairs) => (&repairs.model, &repairs.response_id, repairs.usage),
            Writer::Messages { decoder, .. } => (&decoder.model, &decoder.response_id, decoder.usage),
        };
        StreamFacts {
            events: self.state.events,
            model: plain(model),
            response_id: plain(response_id),
            finish_reason: plain(self.state.reason()),
            usage,
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
        if !state.reason().is_empty() && !matches!(end, StreamEnd::Shutdown | StreamEnd::Cancelled) {
            state.complete(out);
        } else {
            state.fail(out, if message.is_empty() { end.message() } else { message }, "", None);
        }
    }

    /// Appends a frame that clients of the dialect ignore, legal at this point of the stream.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        self.state.wrote = true;
        if matches!(&self.state.writer, Writer::Messages { encoder, .. } if encoder.started) {
            let mut text = String::new();
            ping(&mut text);
            out.extend_from_slice(text.as_bytes());
        } else {
            out.extend_from_slice(COMMENT);
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
                self.complete(out);
                return false;
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
        if let Some((message, code)) = frames::error_of(frame)
            && frames::choices_of(frame).is_empty()
        {
            let message = plain(&message);
            let message = if message.is_empty() { "upstream reported an error" } else { &message };
            self.fail(out, message, &plain(&code), Some(frame));
            return false;
        }
        self.events += 1;
        let before = out.len();
        match &mut self.writer {
            Writer::Chat(repairs) => repairs.frame(out, event, frame),
            Writer::Messages { decoder, encoder } => {
                as_text(out, |text| decoder.frame(frame, &mut |piece| encoder.event(text, piece)));
            }
        }
        self.wrote |= out.len() > before;
        true
    }

    fn reason(&self) -> &str {
        match &self.writer {
            Writer::Chat(repairs) => &repairs.reason,
            Writer::Messages { decoder, .. } => &decoder.reason,
        }
    }

    fn began(&self) -> bool {
        match &self.writer {
            Writer::Chat(_) => self.wrote,
            Writer::Messages { encoder, .. } => encoder.started,
        }
    }

    fn complete(&mut self, out: &mut Vec<u8>) {
        const NOTHING: &str = "upstream ended the stream without an answer";
        if !self.wrote && self.reason().is_empty() && !self.began() {
            self.fail(out, NOTHING, "", None);
            return;
        }
        self.done = true;
        match &mut self.writer {
            Writer::Chat(repairs) => {
                repairs.end(out);
                sse::write(out, b"[DONE]", b"", b"", b"");
            }
            Writer::Messages { encoder, .. } if !encoder.started => self.error_mark(out, NOTHING, ""),
            Writer::Messages { decoder, encoder } => as_text(out, |text| {
                decoder.end(&mut |piece| encoder.event(text, piece));
                let reason = match &*decoder.reason {
                    "" if decoder.called() => "tool_calls",
                    "" => "stop",
                    reason => reason,
                };
                encoder.finish(text, reason, decoder.usage);
            }),
        }
    }

    fn fail(&mut self, out: &mut Vec<u8>, message: &str, code: &str, frame: Option<Node<'_, '_>>) {
        self.done = true;
        if !self.wrote {
            let body = frame.map(|frame| frame.canonical().into_owned()).unwrap_or_default();
            self.refusal = Some(Refusal { message: message.to_owned(), body, status: status(code) });
            return;
        }
        self.error = Some(message.to_owned());
        self.error_mark(out, message, code);
    }

    fn error_mark(&mut self, out: &mut Vec<u8>, message: &str, code: &str) {
        match &mut self.writer {
            Writer::Chat(repairs) => {
                repairs.end(out);
                let code =
                    if code.is_empty() { "null".to_owned() } else { format!("\"{}\"", inside_of(code)) };
                let message = inside_of(message);
                let error = format!(
                    "{{\"error\":{{\"message\":\"{message}\",\"type\":\"server_error\",\"param\":null,\"code\":{code}}}}}"
                );
                sse::write(out, error.as_bytes(), b"", b"", b"");
            }
            Writer::Messages { decoder, encoder } => as_text(out, |text| {
                decoder.end(&mut |piece| encoder.event(text, piece));
                let kind = if code.contains("overload") { "overloaded_error" } else { "api_error" };
                encoder.fail(text, message, kind);
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
    } else if ["content_filter", "max_prompt_tokens", "invalid"].iter().any(|part| code.contains(part)) {
        400
    } else {
        502
    }
}
