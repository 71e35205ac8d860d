//! Reasoning that a chat client sends back to a chat model: carriers of another leg or model are taken out.
//!
//! A client gets tagged carriers while its model is reached by another leg; then it may change the model, or the
//! gateway the leg. Carriers without a tag are of this leg, and travel as they came.

use std::borrow::Cow;

use crate::{
    carriers,
    plans::RequestPlan,
    text::{Document, Edits, Tree},
};

/// Begins what this gateway made of carriers, tagged or listed.
const OURS: &str = "copilot-api";
const OPAQUE: &str = "reasoning_opaque";
const MEMBERS: [&str; 3] = [OPAQUE, "reasoning_text", "reasoning_content"];

/// Whether there may be something to mend; in the usual case nothing is parsed for it.
pub(super) fn is_wanted(text: &str, plan: &RequestPlan) -> bool {
    (text.contains(OURS) && text.contains(OPAQUE)) || (plan.without_reasoning && text.contains("reasoning_"))
}

/// Writes the messages anew where one of them has to be changed.
pub(super) fn mend(text: &mut String, plan: &RequestPlan, rewrites: &mut Vec<String>) {
    if !is_wanted(text, plan) {
        return;
    }
    let Ok(document) = Document::of_text(text) else {
        return;
    };
    let Some(messages) = document.root().get("messages") else {
        return;
    };
    let mut messages = Tree::from(messages);
    let Tree::List(items) = &mut messages else {
        return;
    };
    let mut changed = false;
    for change in items.iter_mut().filter_map(|message| mend_message(message, plan)) {
        changed = true;
        if !rewrites.iter().any(|rewrite| rewrite == change) {
            rewrites.push(change.to_owned());
        }
    }
    if changed {
        let mut edits = Edits::of(&document);
        edits.replace_value("messages", &messages.to_json());
        if let Some(written) = edits.finish() {
            *text = written.into_text(text);
        }
    }
}

/// Changes a message; returns the words for it.
fn mend_message(message: &mut Tree<'_>, plan: &RequestPlan) -> Option<&'static str> {
    if plan.without_reasoning {
        let found = MEMBERS.into_iter().filter(|name| message.take(name).is_some()).count();
        return (found > 0).then_some("left out reasoning: upstream refused it");
    }
    let opaque = message.at(OPAQUE).inside();
    if !opaque.starts_with(OURS) {
        return None;
    }
    let value = carriers::fitting(opaque, plan.leg, &plan.target);
    if !value.is_empty() {
        let value = Tree::Text(Cow::Owned(value.to_owned()));
        message.set(OPAQUE, value);
        return Some("sent reasoning back as the model made it");
    }
    for name in MEMBERS {
        message.take(name);
    }
    Some("left out reasoning that cannot go back to the model")
}
