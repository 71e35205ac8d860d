//! Requests and whole answers between a dialect and a leg.

use crate::{
    formats::{
        chat::{self, Usage, frames},
        messages,
    },
    sse,
    streams::{StreamEnd, StreamPlan, StreamTranslator},
    text::{Document, Edits, Member, Tree, escape},
    validation::InvalidRequest,
};

/// How one request body is to be written; see `RequestPlan` of `engine/interfaces.py`.
#[derive(Debug, Clone, Copy)]
pub struct RequestPlan<'p> {
    /// The model name to write
    pub model: Option<&'p str>,
    /// Value of the cap where the client gave none or null
    pub output_cap: Option<i64>,
    /// The name upstream wants for the cap
    pub cap_field: &'p str,
}

/// A pair of dialect and leg that can be translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// Chat over chat: relayed with repairs
    ChatToChat,
    /// Messages over chat
    MessagesToChat,
    /// Embeddings
    Embeddings,
}

impl Pair {
    /// The pair of these names.
    #[must_use]
    pub fn named(dialect: &str, leg: &str) -> Option<Self> {
        match (dialect, leg) {
            ("chat", "chat") => Some(Self::ChatToChat),
            ("messages", "chat") => Some(Self::MessagesToChat),
            ("embeddings", "embeddings") => Some(Self::Embeddings),
            _ => None,
        }
    }
}

/// A body for upstream and the changes made; no body means the client's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TranslatedRequest {
    /// The body, when it differs from the client's
    pub body: Option<String>,
    /// Each a short sentence
    pub rewrites: Vec<String>,
}

/// Translates a body that validation accepted.
///
/// # Errors
///
/// [`InvalidRequest`] for what cannot be expressed upstream.
pub fn request(body: &[u8], pair: Pair, plan: &RequestPlan<'_>) -> Result<TranslatedRequest, InvalidRequest> {
    request_of(&Document::read(body)?, pair, plan)
}

/// Translates a body that was read already.
///
/// # Errors
///
/// As [`request`].
pub fn request_of(
    document: &Document<'_>,
    pair: Pair,
    plan: &RequestPlan<'_>,
) -> Result<TranslatedRequest, InvalidRequest> {
    Ok(match pair {
        Pair::MessagesToChat => return messages_request(document, plan),
        Pair::ChatToChat => chat_request(document, plan),
        Pair::Embeddings => embeddings_request(document, plan),
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

fn chat_request(document: &Document<'_>, plan: &RequestPlan<'_>) -> TranslatedRequest {
    let mut rewrites = Vec::new();
    let mut edits = Edits::of(document);
    if let Some(model) = plan.model {
        edits.replace_value("model", &quoted(model));
    }
    // Of equal names the last counts.
    let cap =
        edits.members().iter().rev().find(|member| member.name == "max_tokens").map(|member| member.value);
    let has_other_cap = edits.members().iter().any(|member| member.name == "max_completion_tokens");
    let renames = cap.is_some() && plan.cap_field != "max_tokens";
    match (cap, plan.output_cap) {
        (None, Some(cap)) if !has_other_cap => edits.append(plan.cap_field, &cap.to_string()),
        (Some("null"), None) => {
            edits.remove("max_tokens");
            rewrites.push("dropped max_tokens, which was null".to_owned());
            return TranslatedRequest { body: edits.finish(), rewrites };
        }
        (Some("null"), Some(cap)) => edits.replace_value("max_tokens", &cap.to_string()),
        _ => {}
    }
    if renames {
        edits.rename("max_tokens", plan.cap_field);
        rewrites.push(format!("max_tokens sent as {}", plan.cap_field));
    }
    TranslatedRequest { body: edits.finish(), rewrites }
}

fn messages_request(
    document: &Document<'_>,
    plan: &RequestPlan<'_>,
) -> Result<TranslatedRequest, InvalidRequest> {
    let (conversation, mut rewrites) = messages::decode_request(document.root())?;
    let model = plan.model.map(escape);
    let mut out = String::with_capacity(document.text().len() + document.text().len() / 8);
    chat::encode_request(&mut out, &conversation, model.as_deref(), plan.cap_field);
    let has_cap = conversation.options.iter().any(|(name, _)| *name == "max_tokens");
    if plan.cap_field != "max_tokens" && has_cap {
        rewrites.push(format!("max_tokens sent as {}", plan.cap_field));
    }
    Ok(TranslatedRequest { body: Some(out), rewrites })
}

fn embeddings_request(document: &Document<'_>, plan: &RequestPlan<'_>) -> TranslatedRequest {
    let mut edits = Edits::of(document);
    if let Some(model) = plan.model {
        edits.replace_value("model", &quoted(model));
    }
    let mut rewrites = Vec::new();
    let is_text = |member: &&Member<'_>| member.name == "input" && member.value.starts_with('"');
    if let Some(input) = edits.members().iter().find(is_text).map(|input| input.value) {
        edits.replace_value("input", &format!("[{input}]"));
        rewrites.push("input put into a list".to_owned());
    }
    TranslatedRequest { body: edits.finish(), rewrites }
}

/// Upstream said 200 but its body is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableAnswer(pub &'static str);

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
/// [`UnusableAnswer`] (D-H6, R-36).
pub fn answer(body: &[u8], pair: Pair, reasoning: bool) -> Result<TranslatedAnswer, UnusableAnswer> {
    let document = Document::read(body).map_err(|_| NOT_JSON)?;
    let mut value = Tree::from(document.root());
    if pair == Pair::Embeddings {
        return embeddings_answer(value);
    }
    let changed = chat::normalise(&mut value)?;
    let usage = frames::usage_of(&value);
    let choice = value.at("choices").items().first().unwrap_or_else(|| value.at(""));
    let finish_reason = choice.at("finish_reason").text().into_owned();
    let model = value.at("model").text().into_owned();
    let body = if pair == Pair::MessagesToChat {
        let mut out = String::with_capacity(document.text().len());
        messages::encode_answer(&mut out, &value, reasoning);
        Some(out)
    } else {
        changed.then(|| value.to_json())
    };
    Ok(TranslatedAnswer { body, usage, finish_reason, model })
}

fn embeddings_answer(value: Tree<'_>) -> Result<TranslatedAnswer, UnusableAnswer> {
    if value.get("data").is_none() {
        return Err(UnusableAnswer("upstream answered without embeddings"));
    }
    let usage = frames::usage_of(&value);
    let mut body = None;
    if value.get("object").is_none()
        && let Tree::Object(members) = value
    {
        let mut all = vec![("object".into(), Tree::word("list"))];
        all.extend(members);
        body = Some(Tree::Object(all).to_json());
    }
    Ok(TranslatedAnswer { body, usage, finish_reason: String::new(), model: String::new() })
}

/// Makes a whole stream of a JSON answer where the client asked for a stream (D-H7).
///
/// # Errors
///
/// [`UnusableAnswer`]
pub fn answer_as_stream(body: &[u8], plan: &StreamPlan) -> Result<Vec<u8>, UnusableAnswer> {
    let document = Document::read(body).map_err(|_| NOT_JSON)?;
    let mut answer = Tree::from(document.root());
    chat::normalise(&mut answer)?;
    let choice = answer.at("choices").items().first().unwrap_or_else(|| answer.at("")).clone();
    let mut delta = choice.at("message").clone();
    if let Some(Tree::List(calls)) = delta.get_mut("tool_calls") {
        for (number, call) in calls.iter_mut().enumerate() {
            let mut numbered =
                Tree::object([("index", Tree::count(i64::try_from(number).unwrap_or_default()))]);
            for (name, value) in call.members() {
                numbered.set_named(name.clone(), value.clone());
            }
            *call = numbered;
        }
    }
    let reason = choice.at("finish_reason");
    let reason = if reason.is_filled() { reason.clone() } else { Tree::word("stop") };
    answer.take("choices");
    answer.set("object", Tree::word("chat.completion.chunk"));
    let choice = Tree::object([("index", Tree::count(0)), ("delta", delta), ("finish_reason", reason)]);
    answer.set("choices", Tree::List(vec![choice]));
    let (mut frame, mut out) = (Vec::new(), Vec::new());
    sse::write(&mut frame, answer.to_json().as_bytes(), b"", b"", b"");
    let mut translator = StreamTranslator::new(plan);
    translator.feed(&frame, &mut out);
    translator.finish(StreamEnd::End, "", &mut out);
    Ok(out)
}
