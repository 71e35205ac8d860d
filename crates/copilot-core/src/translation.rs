//! Requests between a dialect and a leg.

use crate::{
    formats::{chat, messages},
    text::{Document, Kind, append, escape, members, remove, rename, replace_value},
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
    let document = Document::read(body)?;
    match pair {
        Pair::ChatToChat => Ok(chat_request(&document, plan)),
        Pair::MessagesToChat => messages_request(&document, plan),
        Pair::Embeddings => Ok(embeddings_request(&document, plan)),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

fn chat_request(document: &Document<'_>, plan: &RequestPlan<'_>) -> TranslatedRequest {
    let text = document.text();
    let mut rewrites = Vec::new();
    let mut edited = match plan.model {
        Some(model) => replace_value(text, "model", &quoted(model)),
        None => text.to_owned(),
    };
    let listed = members(document);
    // Of equal names the last counts.
    let cap = listed.iter().rev().find(|(name, _)| name == "max_tokens").map(|(_, value)| *value);
    let mut rename_cap = |edited: String| {
        if plan.cap_field == "max_tokens" {
            return edited;
        }
        rewrites.push(format!("max_tokens sent as {}", plan.cap_field));
        rename(&edited, "max_tokens", plan.cap_field)
    };
    match (cap, plan.output_cap) {
        (None, Some(cap)) if !listed.iter().any(|(name, _)| name == "max_completion_tokens") => {
            edited = append(&edited, plan.cap_field, &cap.to_string());
        }
        (None, _) => {}
        (Some("null"), None) => {
            edited = remove(&edited, "max_tokens");
            rewrites.push("dropped max_tokens, which was null".to_owned());
        }
        (Some("null"), Some(cap)) => {
            edited = rename_cap(replace_value(&edited, "max_tokens", &cap.to_string()));
        }
        (Some(_), _) => edited = rename_cap(edited),
    }
    TranslatedRequest { body: (edited != text).then_some(edited), rewrites }
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
    let (text, root) = (document.text(), document.root());
    if root.kind() != Kind::Object {
        return TranslatedRequest::default();
    }
    let mut edited = match plan.model {
        Some(model) => replace_value(text, "model", &quoted(model)),
        None => text.to_owned(),
    };
    let mut rewrites = Vec::new();
    let inputs = root.written_members().filter(|(name, _)| name.is("input"));
    let input = inputs.map(|(_, value)| value).find(|value| value.kind() == Kind::String);
    if let Some(input) = input {
        edited = replace_value(&edited, "input", &format!("[{}]", input.raw()));
        rewrites.push("input put into a list".to_owned());
    }
    if edited == text {
        return TranslatedRequest::default();
    }
    TranslatedRequest { body: Some(edited), rewrites }
}
