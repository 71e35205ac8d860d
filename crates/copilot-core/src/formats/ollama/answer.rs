//! What whole and streamed answers in Ollama's format share: heads, ends, calls, times.

use std::fmt::Write as _;

use crate::{
    canonical::{AnswerContext, Usage},
    text::{Document, Kind, unescape_json},
};

/// Of the year 9999: later ones are no times.
const LAST_SECOND: i64 = 253_402_300_799;
const DAY: i64 = 86_400;

pub(super) fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// Appends a time as RFC 3339; the epoch when upstream did not say: a translator has no clock.
fn write_time(out: &mut String, seconds: Option<i64>) {
    let seconds = seconds.filter(|seconds| (0..=LAST_SECOND).contains(seconds)).unwrap_or_default();
    let (days, second) = (seconds / DAY, seconds % DAY);
    // Days are counted from a first of March, so that a leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, late) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + late;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
}

/// Appends what each line begins with: the model by the client's own name.
pub(super) fn write_head(out: &mut String, context: &AnswerContext, model: &str, created: Option<i64>) {
    let own = context.echo.iter().find(|(name, _)| name == "model").map_or("", |(_, own)| own.inside());
    push(out, &["{\"model\":\"", if own.is_empty() { model } else { own }, "\",\"created_at\":\""]);
    write_time(out, created);
    out.push_str("\",");
}

/// Whether the endpoint is `/api/generate`.
pub(super) fn is_generate(context: &AnswerContext) -> bool {
    context.echo.iter().any(|(name, value)| name == "generate" && value.is_filled())
}

/// Appends the members that hold a piece of the answer, as the endpoint has them; `calls` is a JSON list.
pub(super) fn write_content(out: &mut String, generate: bool, text: &str, thinking: &str, calls: &str) {
    if generate {
        push(out, &["\"response\":\"", text, "\""]);
    } else {
        push(out, &["\"message\":{\"role\":\"assistant\",\"content\":\"", text, "\""]);
    }
    if !thinking.is_empty() {
        push(out, &[",\"thinking\":\"", thinking, "\""]);
    }
    if !generate {
        if !calls.is_empty() {
            push(out, &[",\"tool_calls\":", calls]);
        }
        out.push('}');
    }
}

/// Appends the members of the last line; durations are 0, nobody measured them.
pub(super) fn write_end(out: &mut String, reason: &str, usage: Option<Usage>) {
    let reason = if reason == "length" { "length" } else { "stop" };
    push(out, &[",\"done_reason\":\"", reason, "\",\"done\":true,\"total_duration\":0,\"load_duration\":0"]);
    if let Some(usage) = usage {
        let _ = write!(out, ",\"prompt_eval_count\":{}", usage.input);
    }
    out.push_str(",\"prompt_eval_duration\":0");
    if let Some(usage) = usage {
        let _ = write!(out, ",\"eval_count\":{}", usage.output);
    }
    out.push_str(",\"eval_duration\":0}");
}

/// Appends a call: its arguments are an object; what is not one is kept under `_raw` (D-T1).
pub(super) fn write_call(out: &mut String, index: usize, id: &str, name: &str, arguments: &str) {
    push(out, &["{\"id\":\"", id, "\",\"function\":{\"index\":"]);
    let _ = write!(out, "{index}");
    push(out, &[",\"name\":\"", name, "\",\"arguments\":"]);
    let text = unescape_json(arguments);
    let is_space = |character: char| character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character);
    if text.chars().all(is_space) {
        out.push_str("{}");
    } else {
        match Document::read(text.as_bytes()) {
            Ok(document) if document.root().kind() == Kind::Object => document.root().write(out),
            _ => push(out, &["{\"_raw\":\"", arguments, "\"}"]),
        }
    }
    out.push_str("}}");
}

#[cfg(test)]
mod tests {
    use super::write_time;

    #[test]
    fn times() {
        for (seconds, written) in [
            (None, "1970-01-01T00:00:00Z"),
            (Some(-5), "1970-01-01T00:00:00Z"),
            (Some(951_782_399), "2000-02-28T23:59:59Z"),
            (Some(951_782_400), "2000-02-29T00:00:00Z"),
            (Some(951_868_800), "2000-03-01T00:00:00Z"),
            (Some(4_107_542_399), "2100-02-28T23:59:59Z"),
            (Some(4_107_542_400), "2100-03-01T00:00:00Z"),
            (Some(253_402_300_799), "9999-12-31T23:59:59Z"),
            (Some(253_402_300_800), "1970-01-01T00:00:00Z"),
        ] {
            let mut out = String::new();
            write_time(&mut out, seconds);
            assert_eq!(out, written);
        }
    }
}
