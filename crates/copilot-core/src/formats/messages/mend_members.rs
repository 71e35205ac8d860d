//! The members of a request beside the conversation and the tools (upstream.md 6.2).

use super::draft::{Draft, has_beta};
use crate::{
    formats::chat::frames::count,
    look::Look,
    text::{Tree, escape, unescape},
};

/// `max_tokens` where neither the client nor the model list says anything: upstream requires one.
const DEFAULT_CAP: i64 = 8192;

/// What upstream writes at most in an answer that is not streamed.
const UNSTREAMED_CAP: i64 = 16000;

/// Members that upstream takes; "Extra inputs are not permitted".
const KNOWN: [&str; 15] = [
    "model",
    "max_tokens",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "context_management",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
];

/// Mends model, stream, cap, context management; removes what upstream does not know.
pub(crate) fn mend(draft: &mut Draft<'_, '_>) {
    if let Some(model) = &draft.plan.model {
        let model = escape(model);
        if !matches!(draft.request.get("model"), Some(Tree::Text(given)) if *given == model) {
            draft.request.set("model", Tree::Text(model.into_owned().into()));
            draft.log.mark("model");
        }
    }
    if let Some(stream) = draft.plan.stream
        && draft.request.get("stream") != Some(&Tree::Bool(stream))
    {
        draft.request.set("stream", Tree::Bool(stream));
        draft.log.mark("stream");
    }
    old_format(draft);
    let is_unknown = |name: &&str| !KNOWN.contains(name);
    let names = draft.request.members().iter().map(|(name, _)| &**name);
    for name in names.filter(is_unknown).map(str::to_owned).collect::<Vec<_>>() {
        draft.drop(&name, format!("dropped {}", unescape(&name)));
    }
    cap(draft);
    context_management(draft);
}

/// Moves `output_format`, the beta's name of `output_config.format`, to where it belongs now.
fn old_format(draft: &mut Draft<'_, '_>) {
    if draft.request.get("output_format").is_none() || !draft.lacks("format") {
        return;
    }
    let wanted = draft.request.take("output_format").unwrap_or_default();
    draft.log.touch("output_format", "output_format sent as output_config.format");
    if wanted != Tree::Null {
        draft.configure("format", wanted);
    }
}

fn cap(draft: &mut Draft<'_, '_>) {
    let mut limit = draft.plan.traits.as_ref().and_then(|traits| traits.max_output_tokens);
    if draft.request.get("stream") != Some(&Tree::Bool(true)) {
        limit = limit.map(|limit| limit.min(UNSTREAMED_CAP));
    }
    match draft.request.at("max_tokens") {
        Tree::Null => {
            let filled = |value: &i64| *value != 0;
            let value = limit.filter(filled).or_else(|| draft.plan.output_cap.filter(filled));
            let value = value.unwrap_or(DEFAULT_CAP);
            let rewrite = format!("set max_tokens to {value}, since upstream wants one");
            draft.put("max_tokens", Tree::count(value), rewrite);
        }
        given => {
            if let (Some(asked), Some(limit)) = (count(Some(given)), limit)
                && asked > limit
            {
                let rewrite = format!("max_tokens sent as {limit}, the most the model writes");
                draft.put("max_tokens", Tree::count(limit), rewrite);
            }
        }
    }
}

fn context_management(draft: &mut Draft<'_, '_>) {
    if draft.request.get("context_management").is_none() {
        return;
    }
    if !has_beta(draft.plan, "context-management-") {
        let rewrite = "removed context_management, whose beta upstream does not get";
        draft.drop("context_management", rewrite);
        return;
    }
    if thinks(&draft.request) {
        return;
    }
    let edits = draft.request.get_mut("context_management").and_then(|value| value.get_mut("edits"));
    let Some(Tree::List(edits)) = edits else {
        return;
    };
    let before = edits.len();
    edits.retain(|edit| !edit.word("type").starts_with("clear_thinking_"));
    if edits.len() == before {
        return;
    }
    let rewrite = "removed clear_thinking from context_management, since thinking is off";
    if edits.is_empty() {
        draft.drop("context_management", rewrite);
    } else {
        draft.log.touch("context_management", rewrite);
    }
}

/// Whether the request asks for thinking.
pub(crate) fn thinks(request: &Tree<'_>) -> bool {
    matches!(request.at("thinking").at("type").inside(), "enabled" | "adaptive")
}
