//! One module a wire format, each to and from the canonical model in [`crate::canonical`].
//!
//! What a format can do is said here and nowhere else: one arm in each of the matches below. A **dialect**,
//! spoken by clients, has `facts`, `decode_request`, `encode_answer` and an [`Encoder`]; a **leg**, spoken by
//! Copilot, has `encode_request`, `decode_answer`, `replay`, a `verdict` and a [`Decoder`]; both, for traffic
//! of one format from end to end, have a `relay` and [`Repairs`].

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod gemini;
pub(crate) mod messages;
pub(crate) mod ollama;
pub(crate) mod responses;

use crate::{
    canonical::{Answer, AnswerContext, AnswerEvent, Conversation, Decoded, Finish, Usage},
    parts::{Heard, StreamDecoder, StreamEncoder, StreamRepairs, Verdict},
    plans::{AnswerPlan, Dialect, Leg, RequestPlan, StreamPlan, Unsupported},
    sse::Event,
    text::{Document, Node, Tree},
    translation::{AnswerError, RelayedAnswer, TranslatedRequest, UnusableAnswer},
    validation::{Facts, RequestError},
};

// ------------------------------------------------------------------------------------------ dialects

/// Reads the facts out of a request; `size` is its length in bytes.
pub(crate) fn facts(dialect: Dialect, root: Node<'_, '_>, _size: usize) -> Result<Facts, RequestError> {
    match dialect {
        Dialect::Chat => Ok(chat::facts::facts(root)?),
        Dialect::Completions => Ok(completions::facts::facts(root)?),
        Dialect::Embeddings => Ok(embeddings::facts(root)),
        Dialect::Gemini => Ok(gemini::facts::facts(root)?),
        Dialect::Messages => Ok(messages::facts::facts(root)?),
        Dialect::Ollama => Ok(ollama::facts::facts(root)?),
        Dialect::Responses => Ok(responses::facts::facts(root)?),
    }
}

pub(crate) fn decode_request<'d, 'a>(
    root: Node<'d, 'a>,
    plan: &RequestPlan,
) -> Result<Decoded<'d, 'a>, RequestError> {
    match plan.dialect {
        Dialect::Chat => Ok(chat::decode_request::decode_request(root)?),
        Dialect::Completions => Ok(completions::decode_request::decode_request(root)?),
        Dialect::Gemini => Ok(gemini::decode_request::decode_request(root)?),
        Dialect::Messages => Ok(messages::decode_request::decode_request(root)?),
        Dialect::Ollama => Ok(ollama::decode_request::decode_request(root)?),
        Dialect::Responses => Ok(responses::decode_request::decode_request(root)?),
        Dialect::Embeddings => Err(Unsupported.into()),
    }
}

/// Appends an answer in the client's format.
pub(crate) fn encode_answer(
    out: &mut String,
    answer: &Answer<'_>,
    plan: &AnswerPlan<'_>,
    context: &AnswerContext,
) -> Result<(), Unsupported> {
    match plan.dialect {
        Dialect::Chat => chat::encode_answer::encode_answer(out, answer, plan, context),
        Dialect::Completions => completions::encode_answer::encode_answer(out, answer, context),
        Dialect::Ollama => ollama::encode_answer::encode_answer(out, answer, plan, context),
        Dialect::Gemini => gemini::encode_answer::encode_answer(out, answer, plan, context),
        Dialect::Messages => messages::encode_answer::encode_answer(out, answer, plan),
        Dialect::Responses => responses::encode_answer::encode_answer(out, answer, plan, context),
        Dialect::Embeddings => return Err(Unsupported),
    }
    Ok(())
}

/// Writes the stream of a dialect.
#[derive(Debug)]
pub(crate) enum Encoder {
    Chat(chat::encode_stream::StreamEncoder),
    Completions(completions::encode_stream::StreamEncoder),
    Ollama(ollama::encode_stream::StreamEncoder),
    Gemini(gemini::encode_stream::StreamEncoder),
    Messages(messages::encode_stream::StreamEncoder),
    /// Boxed: it holds a whole answer.
    Responses(Box<responses::encode_stream::StreamEncoder>),
}

impl Encoder {
    pub(crate) fn new(plan: &StreamPlan, context: &AnswerContext) -> Result<Self, Unsupported> {
        match plan.dialect {
            Dialect::Chat => Ok(Self::Chat(chat::encode_stream::StreamEncoder::new(plan, context))),
            Dialect::Completions => {
                Ok(Self::Completions(completions::encode_stream::StreamEncoder::new(plan, context)))
            }
            Dialect::Ollama => Ok(Self::Ollama(ollama::encode_stream::StreamEncoder::new(plan, context))),
            Dialect::Gemini => Ok(Self::Gemini(gemini::encode_stream::StreamEncoder::new(plan, context))),
            Dialect::Messages => Ok(Self::Messages(messages::encode_stream::StreamEncoder::new(plan))),
            Dialect::Responses => {
                let encoder = responses::encode_stream::StreamEncoder::new(plan, context);
                Ok(Self::Responses(Box::new(encoder)))
            }
            Dialect::Embeddings => Err(Unsupported),
        }
    }
}

macro_rules! each_encoder {
    ($self:ident, $encoder:ident => $call:expr) => {
        match $self {
            Self::Chat($encoder) => $call,
            Self::Completions($encoder) => $call,
            Self::Gemini($encoder) => $call,
            Self::Messages($encoder) => $call,
            Self::Ollama($encoder) => $call,
            Self::Responses($encoder) => $call,
        }
    };
}

impl StreamEncoder for Encoder {
    fn started(&self) -> bool {
        each_encoder!(self, encoder => encoder.started())
    }
    fn event(&mut self, out: &mut String, event: AnswerEvent<'_>) {
        each_encoder!(self, encoder => encoder.event(out, event));
    }
    fn end_of_frame(&mut self, out: &mut String) {
        each_encoder!(self, encoder => encoder.end_of_frame(out));
    }
    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>) {
        each_encoder!(self, encoder => encoder.finish(out, finish, usage));
    }
    fn fail(&mut self, out: &mut String, message: &str, code: &str) {
        each_encoder!(self, encoder => encoder.fail(out, message, code));
    }
    fn keep_alive(&mut self, out: &mut String) {
        each_encoder!(self, encoder => encoder.keep_alive(out));
    }
}

// ---------------------------------------------------------------------------------------------- legs

/// Appends a request in the leg's format; returns the changes that were made.
pub(crate) fn encode_request(
    out: &mut String,
    conversation: &Conversation<'_, '_>,
    plan: &RequestPlan,
) -> Result<Vec<String>, RequestError> {
    match plan.leg {
        Leg::Chat => Ok(chat::encode_request::encode_request(out, conversation, plan)?),
        Leg::Messages => Ok(messages::encode_request::encode_request(out, conversation, plan)?),
        Leg::Responses => Ok(responses::encode_request::encode_request(out, conversation, plan)),
        Leg::Embeddings => Err(Unsupported.into()),
    }
}

pub(crate) fn decode_answer(leg: Leg, value: Tree<'_>) -> Result<Answer<'_>, AnswerError> {
    match leg {
        Leg::Chat => Ok(chat::decode_answer::decode_answer(value)?),
        Leg::Messages => Ok(messages::decode_answer::decode_answer(value)?),
        Leg::Responses => Ok(responses::decode_answer::decode_answer(value)?),
        Leg::Embeddings => Err(Unsupported.into()),
    }
}

/// A whole answer as the frames of the leg's own stream, each with the name of its event.
pub(crate) fn replay(leg: Leg, value: Tree<'_>) -> Result<Vec<(&'static str, Tree<'_>)>, AnswerError> {
    match leg {
        Leg::Chat => Ok(chat::replay::frames_of(value)?),
        Leg::Messages => Ok(messages::replay::frames_of(value)?),
        Leg::Responses => Ok(responses::replay::frames_of(value)?),
        Leg::Embeddings => Err(Unsupported.into()),
    }
}

/// What a frame means for its stream.
pub(crate) fn judge(leg: Leg, frame: Node<'_, '_>) -> Verdict {
    match leg {
        Leg::Chat => chat::verdict::judge(frame),
        Leg::Messages => messages::verdict::judge(frame),
        Leg::Responses => responses::verdict::judge(frame),
        // There is no decoder and are no repairs of these: nobody asks.
        Leg::Embeddings => Verdict::More,
    }
}

/// Whether `[DONE]` says that a stream of the leg is complete.
pub(crate) const fn done_ends(leg: Leg) -> bool {
    matches!(leg, Leg::Chat)
}

/// Reads the stream of a leg.
#[derive(Debug)]
pub(crate) enum Decoder {
    Chat(chat::decode_stream::StreamDecoder),
    Messages(messages::decode_stream::StreamDecoder),
    Responses(responses::decode_stream::StreamDecoder),
}

impl Decoder {
    pub(crate) fn new(leg: Leg) -> Result<Self, Unsupported> {
        match leg {
            Leg::Chat => Ok(Self::Chat(chat::decode_stream::StreamDecoder::default())),
            Leg::Messages => Ok(Self::Messages(messages::decode_stream::StreamDecoder::default())),
            Leg::Responses => Ok(Self::Responses(responses::decode_stream::StreamDecoder::default())),
            Leg::Embeddings => Err(Unsupported),
        }
    }
}

macro_rules! each_decoder {
    ($self:ident, $decoder:ident => $call:expr) => {
        match $self {
            Self::Chat($decoder) => $call,
            Self::Messages($decoder) => $call,
            Self::Responses($decoder) => $call,
        }
    };
}

impl StreamDecoder for Decoder {
    fn heard(&self) -> &Heard {
        each_decoder!(self, decoder => decoder.heard())
    }
    fn finish(&self) -> Finish<'_> {
        each_decoder!(self, decoder => decoder.finish())
    }
    fn frame(&mut self, frame: Node<'_, '_>, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        each_decoder!(self, decoder => decoder.frame(frame, emit));
    }
    fn end(&mut self, emit: &mut impl FnMut(AnswerEvent<'_>)) {
        each_decoder!(self, decoder => decoder.end(emit));
    }
}

// -------------------------------------------------------------------- one format from end to end

/// A request of the leg's own format.
pub(crate) fn relay_request(document: &Document<'_>, plan: &RequestPlan) -> TranslatedRequest {
    match plan.leg {
        Leg::Chat => chat::relay::request(document, plan),
        Leg::Messages => messages::relay::request(document, plan),
        Leg::Responses => responses::relay::request(document, plan),
        Leg::Embeddings => embeddings::request(document, plan),
    }
}

/// An answer of the leg's own format, repaired.
pub(crate) fn relay_answer(leg: Leg, value: Tree<'_>) -> Result<RelayedAnswer, AnswerError> {
    let answer: Result<RelayedAnswer, UnusableAnswer> = match leg {
        Leg::Chat => chat::relay::answer(value),
        Leg::Messages => messages::relay::answer(value),
        Leg::Responses => responses::relay::answer(value),
        Leg::Embeddings => embeddings::answer(value),
    };
    Ok(answer?)
}

/// Repairs the stream of a leg for clients of its own format.
#[derive(Debug)]
pub(crate) enum Repairs {
    Chat(chat::relay_stream::StreamRepairs),
    Messages(messages::relay_stream::StreamRepairs),
    Responses(responses::relay_stream::StreamRepairs),
}

impl Repairs {
    pub(crate) fn new(plan: &StreamPlan) -> Result<Self, Unsupported> {
        match plan.leg {
            Leg::Chat => Ok(Self::Chat(chat::relay_stream::StreamRepairs::default())),
            Leg::Messages => Ok(Self::Messages(messages::relay_stream::StreamRepairs::default())),
            Leg::Responses => Ok(Self::Responses(responses::relay_stream::StreamRepairs::new(plan))),
            Leg::Embeddings => Err(Unsupported),
        }
    }
}

macro_rules! each_repairs {
    ($self:ident, $repairs:ident => $call:expr) => {
        match $self {
            Self::Chat($repairs) => $call,
            Self::Messages($repairs) => $call,
            Self::Responses($repairs) => $call,
        }
    };
}

impl StreamRepairs for Repairs {
    fn heard(&self) -> &Heard {
        each_repairs!(self, repairs => repairs.heard())
    }
    fn frame(&mut self, out: &mut Vec<u8>, event: &Event, frame: Node<'_, '_>) {
        each_repairs!(self, repairs => repairs.frame(out, event, frame));
    }
    fn complete(&mut self, out: &mut Vec<u8>) {
        each_repairs!(self, repairs => repairs.complete(out));
    }
    fn fail(&mut self, out: &mut Vec<u8>, message: &str, code: &str) {
        each_repairs!(self, repairs => repairs.fail(out, message, code));
    }
    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        each_repairs!(self, repairs => repairs.keep_alive(out));
    }
}
