//! Reading events and answers of the Responses leg tolerantly: usage, reasons, texts of items.

use std::borrow::Cow;

use crate::{canonical::Usage, formats::chat::frames::count, look::Look};

/// Types of items that are calls of tools.
pub(super) fn is_call(kind: &str) -> bool {
    matches!(kind, "function_call" | "custom_tool_call")
}

/// The usage of a response object; what was billed may stand `beside` it or in it.
pub(super) fn usage_of<'v, V: Look<'v>>(response: Option<V>, beside: V) -> Option<Usage> {
    let response = response?;
    let usage = response.member("usage").filter(|usage| usage.is_map())?;
    let own = |name: &str| count(usage.member(name));
    let inner = |outer: &str, name: &str| count(usage.member(outer).and_then(|details| details.member(name)));
    let billed =
        |holder: V| count(holder.member("copilot_usage").and_then(|usage| usage.member("total_nano_aiu")));
    Some(Usage {
        input: own("input_tokens").unwrap_or_default(),
        output: own("output_tokens").unwrap_or_default(),
        cached: inner("input_tokens_details", "cached_tokens"),
        cache_write: inner("input_tokens_details", "cache_write_tokens"),
        reasoning: inner("output_tokens_details", "reasoning_tokens"),
        nano_aiu: billed(beside).or_else(|| billed(response)),
    })
}

/// A chat `finish_reason` for a response that is over; `kind` is the type of the event that said so.
pub(super) fn reason_of<'v, V: Look<'v>>(response: Option<V>, kind: &str, called: bool) -> &'static str {
    let word = |name: &str| response.map(|response| response.word(name)).unwrap_or_default();
    if kind != "response.incomplete" && word("status") != "incomplete" {
        return if called { "tool_calls" } else { "stop" };
    }
    let details = response.and_then(|response| response.member("incomplete_details"));
    if details.is_some_and(|details| details.word("reason") == "content_filter") {
        "content_filter"
    } else {
        "length"
    }
}

/// The text of a content part, a refusal's too.
pub(super) fn part_text<'v>(part: impl Look<'v>) -> Cow<'v, str> {
    part.word(if part.word("type") == "refusal" { "refusal" } else { "text" })
}
