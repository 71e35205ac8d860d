//! Anthropic over Anthropic: what upstream takes passes byte for byte, the rest is mended.

use super::{
    draft::Draft,
    frames::{finish_reason, is_extra, usage_of},
    mend::mend,
};
use crate::{
    plans::RequestPlan,
    text::{Document, Edits, Kind, Tree, unescape},
    translation::{RelayedAnswer, TranslatedRequest, UnusableAnswer},
};

/// Mends a request: a member that needs no change keeps its bytes.
pub(crate) fn request(document: &Document<'_>, plan: &RequestPlan) -> TranslatedRequest {
    let root = document.root();
    if root.kind() != Kind::Object {
        return TranslatedRequest::default();
    }
    let mut draft = Draft::new(Tree::from(root), plan);
    mend(&mut draft);
    let mut edits = Edits::of(document);
    let mut gone = Vec::new();
    for touched in &draft.log.touched {
        let name = unescape(touched);
        let is_there = edits.members().iter().any(|member| member.name == name);
        match draft.request.get(touched) {
            None => gone.push(name),
            Some(value) if is_there => edits.replace_value(&name, &value.to_json()),
            Some(value) => edits.append(&name, &value.to_json()),
        }
    }
    edits.remove_all(&gone);
    TranslatedRequest { body: edits.finish(), rewrites: draft.log.rewrites, ..TranslatedRequest::default() }
}

/// An answer without Copilot's extras.
pub(crate) fn answer(mut value: Tree<'_>) -> Result<RelayedAnswer, UnusableAnswer> {
    if !matches!(value.get("content"), Some(Tree::List(_))) {
        return Err(UnusableAnswer("upstream answered without an answer"));
    }
    let usage = usage_of(&value);
    let mut changed = false;
    if let Tree::Object(members) = &mut value {
        let before = members.len();
        members.retain(|(name, _)| !is_extra(&unescape(name)));
        changed = members.len() < before;
    }
    Ok(RelayedAnswer {
        body: changed.then(|| value.to_json()),
        usage,
        finish_reason: finish_reason(value.at("stop_reason").inside()).to_owned(),
        model: value.at("model").inside().to_owned(),
    })
}
