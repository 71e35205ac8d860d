//! A whole Anthropic answer as the frames of a stream, where the client asked for one (D-H7).

use std::borrow::Cow;

use super::decode_answer::arguments_of;
use crate::{text::Tree, translation::UnusableAnswer};

pub(crate) fn frames_of(mut message: Tree<'_>) -> Result<Vec<(&'static str, Tree<'_>)>, UnusableAnswer> {
    let content =
        message.get_mut("content").map(|content| std::mem::replace(content, Tree::List(Vec::new())));
    let Some(Tree::List(blocks)) = content else {
        return Err(UnusableAnswer("upstream answered without an answer"));
    };
    let stop = message.at("stop_reason");
    let stop = if stop.is_filled() { stop.clone() } else { Tree::word("end_turn") };
    let sequence = message.at("stop_sequence").clone();
    let usage = message.at("usage").clone();
    message.set("stop_reason", Tree::Null);
    message.set("stop_sequence", Tree::Null);
    if let Some(begun) = message.get_mut("usage").filter(|usage| usage.is_object()) {
        begun.set("output_tokens", Tree::count(0));
    }
    let mut ending =
        vec![(Cow::Borrowed("delta"), Tree::object([("stop_reason", stop), ("stop_sequence", sequence)]))];
    if usage != Tree::Null {
        ending.push((Cow::Borrowed("usage"), usage));
    }
    for name in ["context_management", "copilot_usage"] {
        ending.extend(message.take(name).map(|value| (Cow::Borrowed(name), value)));
    }
    let mut made = vec![frame("message_start", vec![(Cow::Borrowed("message"), message)])];
    for (index, block) in blocks.into_iter().enumerate() {
        let at = |name, value| {
            let index = Tree::count(i64::try_from(index).unwrap_or_default());
            vec![(Cow::Borrowed("index"), index), (Cow::Borrowed(name), value)]
        };
        let (opening, deltas) = parted(if block.is_object() { block } else { Tree::Object(Vec::new()) });
        made.push(frame("content_block_start", at("content_block", opening)));
        made.extend(deltas.into_iter().map(|delta| frame("content_block_delta", at("delta", delta))));
        let mut stop = at("", Tree::Null);
        stop.truncate(1);
        made.push(frame("content_block_stop", stop));
    }
    made.push(frame("message_delta", ending));
    made.push(frame("message_stop", Vec::new()));
    Ok(made)
}

fn frame<'a>(name: &'static str, members: Vec<(Cow<'a, str>, Tree<'a>)>) -> (&'static str, Tree<'a>) {
    let mut all = vec![(Cow::Borrowed("type"), Tree::word(name))];
    all.extend(members);
    (name, Tree::Object(all))
}

/// A string member, empty for everything else.
fn word<'a>(block: &mut Tree<'a>, name: &str) -> Tree<'a> {
    match block.take(name) {
        Some(text @ Tree::Text(_)) => text,
        _ => Tree::word(""),
    }
}

/// How a block begins, and what follows.
fn parted(mut block: Tree<'_>) -> (Tree<'_>, Vec<Tree<'_>>) {
    let delta = |kind, name, value| Tree::object([("type", Tree::word(kind)), (name, value)]);
    let empty = || Tree::word("");
    match block.at("type").inside() {
        "text" => {
            let mut deltas = vec![delta("text_delta", "text", word(&mut block, "text"))];
            if let Some(Tree::List(cited)) = block.take("citations") {
                deltas.extend(cited.into_iter().map(|one| delta("citations_delta", "citation", one)));
            }
            (Tree::object([("type", Tree::word("text")), ("text", empty())]), deltas)
        }
        "thinking" => {
            let thought = word(&mut block, "thinking");
            let signature = delta("signature_delta", "signature", word(&mut block, "signature"));
            let thought = thought.is_filled().then(|| delta("thinking_delta", "thinking", thought));
            let opening = [("type", Tree::word("thinking")), ("thinking", empty()), ("signature", empty())];
            (Tree::object(opening), thought.into_iter().chain([signature]).collect())
        }
        "tool_use" => {
            let arguments = Tree::Text(Cow::Owned(arguments_of(block.at("input"))));
            block.set("input", Tree::Object(Vec::new()));
            (block, vec![delta("input_json_delta", "partial_json", arguments)])
        }
        _ => (block, Vec::new()),
    }
}
