//! A whole chat answer as the frames of a stream, where the client asked for one (D-H7).

use super::answer::normalise;
use crate::{text::Tree, translation::UnusableAnswer};

pub(crate) fn frames_of(mut answer: Tree<'_>) -> Result<Vec<(&'static str, Tree<'_>)>, UnusableAnswer> {
    normalise(&mut answer)?;
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
    Ok(vec![("", answer)])
}
