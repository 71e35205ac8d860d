//! Responses over Responses: what upstream refuses is mended, every other byte stays (upstream.md 5).

pub(crate) use super::relay_request::request;
use super::{
    decode_answer::check,
    frames::{is_call, reason_of, usage_of},
};
use crate::{
    text::Tree,
    translation::{RelayedAnswer, UnusableAnswer},
};

/// Repairs an answer.
pub(crate) fn answer(mut response: Tree<'_>) -> Result<RelayedAnswer, UnusableAnswer> {
    check(&response)?;
    // The SDKs make this member themselves.
    let mut changed = response.take("output_text").is_some();
    let mut called = false;
    if let Some(Tree::List(output)) = response.get_mut("output") {
        for item in output {
            let kind = item.at("type").inside();
            called |= is_call(kind);
            if kind == "function_call" && !item.at("arguments").is_filled() {
                item.set("arguments", Tree::word("{}"));
                changed = true;
            }
        }
    }
    Ok(RelayedAnswer {
        body: changed.then(|| response.to_json()),
        usage: usage_of(Some(&response), &response),
        finish_reason: reason_of(Some(&response), "", called).to_owned(),
        model: response.at("model").inside().to_owned(),
    })
}
