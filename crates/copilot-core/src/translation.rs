//! Requests and whole answers between a dialect and a leg.
//!
//! A dialect over its own leg is relayed with repairs; every other pair goes through the canonical model.

use std::borrow::Cow;

use crate::{
    canonical::{Answer, Block, Usage},
    carriers, context, formats, orphans,
    plans::{AnswerPlan, RequestPlan, StreamPlan, Unsupported},
    sse,
    streams::{StreamEnd, StreamTranslator},
    text::{Document, Tree, Written, escape, unescape},
    tool_names,
    validation::RequestError,
};

/// A body for upstream and the changes made; no body means the client's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TranslatedRequest {
    /// The body, when it differs from the client's
    pub body: Option<Written>,
    /// Each a short sentence
    pub rewrites: Vec<String>,
    /// What the answer's translation must know of the request; empty when it needs nothing
    pub context: String,
}

/// Translates a body that validation accepted.
///
/// # Errors
///
/// [`RequestError`] for what cannot be expressed upstream, and for a pair that is not translated.
pub fn request(body: &[u8], plan: &RequestPlan) -> Result<TranslatedRequest, RequestError> {
    request_of(&Document::read(body)?, plan)
}

/// Translates a body that was read already.
///
/// # Errors
///
/// As [`request`].
pub fn request_of(document: &Document<'_>, plan: &RequestPlan) -> Result<TranslatedRequest, RequestError> {
    if plan.dialect.own_leg() == Some(plan.leg) {
        return Ok(formats::relay_request(document, plan));
    }
    let mut decoded = formats::decode_request(document.root(), plan)?;
    let conversation = &mut decoded.conversation;
    let mended = orphans::repair(conversation);
    let (names, renamed) = tool_names::fit(conversation);
    if let Some(model) = &plan.model {
        conversation.model = escape(model);
    }
    let size = document.text().len();
    let mut out = String::with_capacity(size + size / 8);
    let changes = formats::encode_request(&mut out, conversation, plan)?;
    let mut rewrites = decoded.rewrites;
    rewrites.extend(mended.into_iter().chain(renamed).chain(changes));
    decoded.context.names = names;
    Ok(TranslatedRequest {
        body: Some(out.into()),
        rewrites: once_each(rewrites),
        context: context::write(&decoded.context),
    })
}

/// The same sentences, each once.
fn once_each(mut rewrites: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    rewrites.retain(|rewrite| seen.insert(rewrite.clone()));
    rewrites
}

/// Upstream said 200 but its body is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableAnswer(pub &'static str);

/// There is no answer for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Upstream sent none
    #[error(transparent)]
    Unusable(#[from] UnusableAnswer),
    /// Its pair is not translated
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// An answer of the leg's own format, repaired. Texts are canonical insides.
#[derive(Debug, Default)]
pub(crate) struct RelayedAnswer {
    /// The body, when it differs from upstream's
    pub(crate) body: Option<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) finish_reason: String,
    pub(crate) model: String,
}

/// A body for the client, and what the ledger wants to know of it; no body means upstream's own.
#[derive(Debug, PartialEq, Eq)]
pub struct TranslatedAnswer {
    /// The body, when it differs from upstream's
    pub body: Option<String>,
    /// Token usage
    pub usage: Option<Usage>,
    /// Why the model stopped; empty when it did not say
    pub finish_reason: String,
    /// The model; empty when it did not say
    pub model: String,
}

const NOT_JSON: UnusableAnswer = UnusableAnswer("upstream answered with something that is not JSON");

/// Translates a whole answer for the client.
///
/// # Errors
///
/// [`AnswerError`] (D-H6, R-36).
pub fn answer(body: &[u8], plan: &AnswerPlan<'_>) -> Result<TranslatedAnswer, AnswerError> {
    let document = Document::read(body).map_err(|_| NOT_JSON)?;
    let value = Tree::from(document.root());
    if plan.dialect.own_leg() == Some(plan.leg) {
        let RelayedAnswer { body, usage, finish_reason, model } = formats::relay_answer(plan.leg, value)?;
        let text = |inside: String| unescape(&inside).into_owned();
        return Ok(TranslatedAnswer { body, usage, finish_reason: text(finish_reason), model: text(model) });
    }
    let mut answer = formats::decode_answer(plan.leg, value)?;
    let known = context::read(plan.context);
    pass_border(&mut answer, plan, &known.names);
    let mut out = String::with_capacity(body.len());
    formats::encode_answer(&mut out, &answer, plan, &known)?;
    let reason = answer.finish.as_ref().map(|finish| unescape(&finish.reason).into_owned());
    Ok(TranslatedAnswer {
        body: Some(out),
        usage: answer.usage,
        finish_reason: reason.unwrap_or_default(),
        model: unescape(&answer.model).into_owned(),
    })
}

/// Gives tools their names of the client's, and tags carriers.
fn pass_border(answer: &mut Answer<'_>, plan: &AnswerPlan<'_>, names: &[(String, String)]) {
    answer.created = answer.created.filter(|seconds| *seconds != 0).or((plan.now != 0).then_some(plan.now));
    for block in &mut answer.blocks {
        match block {
            Block::ToolCall(call) => {
                if let Some((_, own)) = names.iter().find(|(fitted, _)| *fitted == call.name) {
                    call.name = Cow::Owned(own.clone());
                }
            }
            Block::Reasoning(reasoning) if !reasoning.carrier.is_empty() => {
                reasoning.carrier =
                    Cow::Owned([&carriers::tag(plan.leg, plan.model), &*reasoning.carrier].concat());
            }
            _ => {}
        }
    }
}

/// Makes a whole stream of a JSON answer where the client asked for a stream (D-H7).
///
/// # Errors
///
/// [`AnswerError`]
pub fn answer_as_stream(body: &[u8], plan: &StreamPlan) -> Result<Vec<u8>, AnswerError> {
    let mut translator = StreamTranslator::new(plan)?;
    let document = Document::read(body).map_err(|_| NOT_JSON)?;
    let (mut written, mut out) = (Vec::new(), Vec::new());
    for (name, frame) in formats::replay(plan.leg, Tree::from(document.root()))? {
        written.clear();
        sse::write(&mut written, frame.to_json().as_bytes(), name.as_bytes(), b"", b"");
        translator.feed(&written, &mut out);
    }
    translator.finish(StreamEnd::End, "", &mut out);
    Ok(out)
}
