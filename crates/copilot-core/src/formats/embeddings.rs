//! `OpenAI` embeddings: one leg, one dialect, both the same.

use super::chat::frames;
use crate::{
    plans::RequestPlan,
    text::{Document, Edits, Member, Node, Tree, escape},
    translation::{RelayedAnswer, TranslatedRequest, UnusableAnswer},
    validation::Facts,
};

pub(crate) fn facts(root: Node<'_, '_>) -> Facts {
    let model = root.get("model").and_then(Node::text).unwrap_or_default().into_owned();
    Facts { model, ..Facts::default() }
}

/// Writes the model's name, and makes a list of an input that is one text.
pub(crate) fn request(document: &Document<'_>, plan: &RequestPlan) -> TranslatedRequest {
    let mut edits = Edits::of(document);
    if let Some(model) = &plan.model {
        edits.replace_value("model", &format!("\"{}\"", escape(model)));
    }
    let mut rewrites = Vec::new();
    let is_text = |member: &&Member<'_>| member.name == "input" && member.value.starts_with('"');
    if let Some(input) = edits.members().iter().find(is_text).map(|input| input.value) {
        edits.replace_value("input", &format!("[{input}]"));
        rewrites.push("input put into a list".to_owned());
    }
    TranslatedRequest { body: edits.finish(), rewrites, ..TranslatedRequest::default() }
}

pub(crate) fn answer(value: Tree<'_>) -> Result<RelayedAnswer, UnusableAnswer> {
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
    Ok(RelayedAnswer { body, usage, ..RelayedAnswer::default() })
}
