//! What whole and streamed answers in Anthropic's format share: stop reasons and usage (compat.md 4.4).

use std::fmt::Write as _;

use crate::canonical::Usage;

/// Anthropic's word; unknown ones end the turn (D-T21, architecture.md 8).
pub(crate) fn stop_reason(finish_reason: &str) -> &'static str {
    match finish_reason {
        "length" => "max_tokens",
        "tool_calls" | "function_call" => "tool_use",
        "content_filter" => "refusal",
        _ => "end_turn",
    }
}

/// Anthropic's type of an error that came with a code within a stream.
pub(crate) fn error_type(code: &str) -> &str {
    match code {
        "invalid_request_error"
        | "authentication_error"
        | "billing_error"
        | "permission_error"
        | "not_found_error"
        | "request_too_large"
        | "rate_limit_error"
        | "timeout_error"
        | "overloaded_error" => code,
        _ if code.contains("overload") => "overloaded_error",
        _ => "api_error",
    }
}

/// Appends the stop sequence that was met, as a value.
pub(crate) fn write_stop_sequence(out: &mut String, inside: &str) {
    let parts = if inside.is_empty() { ["null", "", ""] } else { ["\"", inside, "\""] };
    for part in parts {
        out.push_str(part);
    }
}

/// Appends the usage object: input excludes what the cache read or took in (D-T25 for null).
pub(crate) fn write_usage(out: &mut String, usage: Option<Usage>, output: Option<i64>) {
    let usage = usage.unwrap_or_default();
    let apart = usage.cached.unwrap_or_default() + usage.cache_write.unwrap_or_default();
    let input = (usage.input - apart).max(0);
    let output = output.unwrap_or(usage.output);
    // Writing to a string cannot fail.
    let _ = write!(out, "{{\"input_tokens\":{input},\"output_tokens\":{output}");
    if let Some(cached) = usage.cached {
        let _ = write!(out, ",\"cache_read_input_tokens\":{cached}");
    }
    if let Some(written) = usage.cache_write {
        let _ = write!(out, ",\"cache_creation_input_tokens\":{written}");
    }
    out.push('}');
}
