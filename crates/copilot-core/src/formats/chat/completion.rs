//! What whole and streamed answers in `OpenAI`'s format share: finish reasons, usage, errors.

use std::fmt::Write as _;

use crate::{canonical::Usage, text::escape};

pub(crate) fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// `OpenAI`'s word; unknown ones are an ordinary stop (upstream.md 4.4).
pub(crate) fn finish_reason(reason: &str, called: bool) -> &'static str {
    match reason {
        "length" => "length",
        "content_filter" => "content_filter",
        "tool_calls" | "function_call" => "tool_calls",
        _ if called => "tool_calls",
        _ => "stop",
    }
}

/// Appends the usage object; details only where upstream gave them.
pub(crate) fn write_usage(out: &mut String, usage: Usage) {
    let (input, output) = (usage.input, usage.output);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{{\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{}",
        input + output
    );
    if let Some(cached) = usage.cached {
        let _ = write!(out, ",\"prompt_tokens_details\":{{\"cached_tokens\":{cached}}}");
    }
    if let Some(reasoning) = usage.reasoning {
        let _ = write!(out, ",\"completion_tokens_details\":{{\"reasoning_tokens\":{reasoning}}}");
    }
    out.push('}');
}

/// Appends the head of an answer up to its choices. The time is 0 when upstream did not say: a translator has
/// no clock.
pub(crate) fn write_head(out: &mut String, id: &str, object: &str, created: Option<i64>, model: &str) {
    push(out, &["{\"id\":\"", id, "\",\"object\":\"", object, "\",\"created\":"]);
    let _ = write!(out, "{}", created.unwrap_or_default());
    push(out, &[",\"model\":\"", model, "\","]);
}

/// Appends the frame that ends a broken stream.
pub(crate) fn write_error(out: &mut String, message: &str, code: &str) {
    let quote = if code.is_empty() { "" } else { "\"" };
    let code = if code.is_empty() { "null".into() } else { escape(code) };
    push(out, &["data: {\"error\":{\"message\":\"", &escape(message), "\",\"type\":\"server_error\","]);
    push(out, &["\"param\":null,\"code\":", quote, &code, quote, "}}\n\n"]);
}
