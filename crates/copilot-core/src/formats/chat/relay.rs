//! Chat over chat: only what the plan names is touched, every other byte stays.

use super::{answer::normalise, dropping, frames, relay_reasoning};
use crate::{
    plans::RequestPlan,
    text::{Document, Edits, Tree, Written, escape},
    translation::{RelayedAnswer, TranslatedRequest, UnusableAnswer},
};

/// Edits the outermost members of a request.
pub(crate) fn request(document: &Document<'_>, plan: &RequestPlan) -> TranslatedRequest {
    let mut rewrites = Vec::new();
    let mut edits = Edits::of(document);
    if let Some(model) = &plan.model {
        edits.replace_value("model", &format!("\"{}\"", escape(model)));
    }
    // Of equal names the last counts.
    let cap =
        edits.members().iter().rev().find(|member| member.name == "max_tokens").map(|member| member.value);
    let has_other_cap = edits.members().iter().any(|member| member.name == "max_completion_tokens");
    match (cap, plan.output_cap) {
        (None, Some(cap)) if !has_other_cap => edits.append(&plan.cap_field, &cap.to_string()),
        (Some("null"), Some(cap)) => edits.replace_value("max_tokens", &cap.to_string()),
        (Some("null"), None) => {
            edits.remove("max_tokens");
            rewrites.push("dropped max_tokens, which was null".to_owned());
        }
        _ => {}
    }
    let is_left = cap.is_some() && rewrites.is_empty();
    if is_left && plan.cap_field != "max_tokens" {
        edits.rename("max_tokens", &plan.cap_field);
        rewrites.push(format!("max_tokens sent as {}", plan.cap_field));
    }
    if let Some(stream) = plan.stream {
        let stream = if stream { "true" } else { "false" };
        if edits.members().iter().any(|member| member.name == "stream") {
            edits.replace_value("stream", stream);
        } else {
            edits.append("stream", stream);
        }
    }
    let mut body = edits.finish();
    if !plan.dropped.is_empty() || relay_reasoning::is_wanted(document.text(), plan) {
        let text = document.text();
        let mut edited = body.map_or_else(|| text.to_owned(), |written| written.into_text(text));
        relay_reasoning::mend(&mut edited, plan, &mut rewrites);
        dropping::drop(&mut edited, &plan.dropped, &mut rewrites);
        body = (edited != text).then(|| Written::from(edited));
    }
    TranslatedRequest { body, rewrites, ..TranslatedRequest::default() }
}

/// Repairs an answer.
pub(crate) fn answer(mut value: Tree<'_>) -> Result<RelayedAnswer, UnusableAnswer> {
    let changed = normalise(&mut value)?;
    let choice = value.at("choices").items().first().unwrap_or_else(|| value.at(""));
    Ok(RelayedAnswer {
        body: changed.then(|| value.to_json()),
        usage: frames::usage_of(&value),
        finish_reason: choice.at("finish_reason").inside().to_owned(),
        model: value.at("model").inside().to_owned(),
    })
}
