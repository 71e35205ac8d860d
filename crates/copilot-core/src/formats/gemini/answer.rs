//! What whole and streamed answers share: finish reasons, usage, calls, the shape of a chunk.

use std::fmt::Write as _;

use crate::{
    canonical::{AnswerContext, Usage},
    text::{Document, Kind, Tree, unescape_json},
};

/// Characters of a malformed call that a finish message shows.
const SHOWN: usize = 200;

/// Whether the request asked for the model's thoughts.
pub(super) fn thoughts(context: &AnswerContext) -> bool {
    context.echo.iter().any(|(name, value)| name == "thoughts" && *value == Tree::Bool(true))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Text,
    Thought,
    Call,
}

/// A part of an answer, without its closing brace.
#[derive(Debug)]
pub(super) struct Part {
    kind: PartKind,
    json: String,
}

impl Part {
    pub(super) fn text(text: &str) -> Self {
        Self { kind: PartKind::Text, json: ["{\"text\":\"", text, "\""].concat() }
    }

    pub(super) fn thought(text: &str) -> Self {
        Self { kind: PartKind::Thought, json: ["{\"text\":\"", text, "\",\"thought\":true"].concat() }
    }

    /// The part of a call; `None` when its arguments are no JSON object, which Google's always are.
    pub(super) fn call(id: &str, name: &str, arguments: &str) -> Option<Self> {
        let text = unescape_json(arguments);
        let mut json = "{\"functionCall\":{".to_owned();
        if !id.is_empty() {
            push(&mut json, &["\"id\":\"", id, "\","]);
        }
        push(&mut json, &["\"name\":\"", name, "\",\"args\":"]);
        if text.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
            json.push_str("{}");
        } else {
            let document = Document::read(text.as_bytes()).ok()?;
            let root = document.root();
            if root.kind() != Kind::Object {
                return None;
            }
            root.write(&mut json);
        }
        json.push('}');
        Some(Self { kind: PartKind::Call, json })
    }
}

pub(super) fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// Why the answer is over; a call that had to be left out is told as Google tells it.
///
/// Calls end with `STOP`. A limit explains a call that is not whole, so it stays the reason.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending<'e> {
    pub(super) reason: &'e str,
    /// A call that is no JSON, as the inside of a string; empty when there is none
    pub(super) malformed: &'e str,
}

impl Ending<'_> {
    fn write(self, out: &mut String) {
        let known = match self.reason {
            "length" => "MAX_TOKENS",
            "content_filter" => "SAFETY",
            "error" => "OTHER",
            _ => "STOP",
        };
        if self.malformed.is_empty() || known != "STOP" {
            push(out, &[",\"finishReason\":\"", known, "\""]);
            return;
        }
        out.push_str(",\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":\"");
        push(out, &["Malformed function call: ", shown(self.malformed), "\""]);
    }
}

/// The first characters of the inside of a string; no escape is cut.
fn shown(inside: &str) -> &str {
    let mut rest = inside;
    for _ in 0..SHOWN {
        let length = match rest.as_bytes() {
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => rest.chars().next().map_or(0, char::len_utf8),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    inside.get(..inside.len() - rest.len()).unwrap_or(inside)
}

/// Appends the parts with the signature where clients keep it: on the first call, else on the last text.
pub(super) fn write_signed(out: &mut String, parts: &[Part], signature: &str) {
    let mut place = parts.iter().position(|part| part.kind == PartKind::Call);
    if place.is_none() && parts.last().is_some_and(|part| part.kind == PartKind::Text) {
        place = parts.len().checked_sub(1);
    }
    let sign = |out: &mut String| push(out, &[",\"thoughtSignature\":\"", signature, "\""]);
    let mut separator = "";
    for (number, part) in parts.iter().enumerate() {
        push(out, &[separator, &part.json]);
        if place == Some(number) && !signature.is_empty() {
            sign(out);
        }
        out.push('}');
        separator = ",";
    }
    if place.is_none() && !signature.is_empty() {
        push(out, &[separator, "{\"text\":\"\""]);
        sign(out);
        out.push('}');
    } else if parts.is_empty() {
        out.push_str("{\"text\":\"\"}");
    }
}

/// Appends a chunk of an answer, which is the form of a whole one too; `parts` writes what is in its list.
pub(super) fn write_chunk(
    out: &mut String,
    parts: impl FnOnce(&mut String),
    model: &str,
    response_id: &str,
    end: Option<Ending<'_>>,
    usage: Option<Usage>,
) {
    out.push_str("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[");
    parts(out);
    out.push_str("]}");
    if let Some(end) = end {
        end.write(out);
    }
    out.push_str(",\"index\":0}]");
    if let Some(usage) = usage {
        write_usage(out, usage);
    }
    push(out, &[",\"modelVersion\":\"", model, "\""]);
    if !response_id.is_empty() {
        push(out, &[",\"responseId\":\"", response_id, "\""]);
    }
    out.push('}');
}

/// Usage as Google counts: thoughts beside the candidates, cached tokens within the prompt.
fn write_usage(out: &mut String, usage: Usage) {
    let thoughts = usage.reasoning.unwrap_or_default();
    // Gemini's own thoughts are not in its output, all others' are (upstream.md 4.4).
    let made = if usage.output >= thoughts { usage.output - thoughts } else { usage.output };
    // Writing to a string cannot fail.
    let _ = write!(out, ",\"usageMetadata\":{{\"promptTokenCount\":{}", usage.input);
    if let Some(cached) = usage.cached {
        let _ = write!(out, ",\"cachedContentTokenCount\":{cached}");
    }
    let _ = write!(out, ",\"candidatesTokenCount\":{made}");
    if usage.reasoning.is_some() {
        let _ = write!(out, ",\"thoughtsTokenCount\":{thoughts}");
    }
    let _ = write!(out, ",\"totalTokenCount\":{}}}", usage.input + made + thoughts);
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn no_escape_is_cut() {
        let long = "a\\n\\u0001é".repeat(60);
        assert_eq!(shown(&long), "a\\n\\u0001é".repeat(50));
        assert_eq!(shown("a\\n"), "a\\n");
        assert_eq!(shown(""), "");
    }
}
