//! Reading Anthropic's frames and answers tolerantly: usage, stop reasons, Copilot's extras.

use crate::{canonical::Usage, formats::chat::frames::count, look::Look};

/// Begins the carrier of reasoning whose text was never shown, so that it is known in any dialect's hands.
pub(crate) const REDACTED: &str = "redacted:";

/// Chat's word for a stop reason; unknown ones are a plain stop.
pub(crate) fn finish_reason(stop_reason: &str) -> &'static str {
    match stop_reason {
        "" => "",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ => "stop",
    }
}

/// Whether a member is Copilot's own, which strict clients do not expect.
pub(crate) fn is_extra(name: &str) -> bool {
    name.starts_with("copilot_") || name == "amazon-bedrock-invocationMetrics"
}

/// The billed amount beside the usage.
pub(crate) fn nano_aiu_of<'v>(frame: impl Look<'v>) -> Option<i64> {
    count(frame.member("copilot_usage").and_then(|usage| usage.member("total_nano_aiu")))
}

/// Counts as Anthropic gives them.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    input: Option<i64>,
    output: Option<i64>,
    read: Option<i64>,
    written: Option<i64>,
    thinking: Option<i64>,
}

impl Counts {
    /// Takes what is there and not null.
    fn take<'v>(&mut self, usage: impl Look<'v>) {
        let fields = [
            ("input_tokens", &mut self.input),
            ("output_tokens", &mut self.output),
            ("cache_read_input_tokens", &mut self.read),
            ("cache_creation_input_tokens", &mut self.written),
        ];
        for (name, field) in fields {
            if let Some(value) = usage.member(name).filter(|value| !value.is_nothing()) {
                *field = count(Some(value));
            }
        }
        if let Some(details) = usage.member("output_tokens_details").filter(|details| !details.is_nothing()) {
            self.thinking = count(details.member("thinking_tokens"));
        }
    }

    /// Usage in chat's sense: what was read from or written to the cache is input too.
    fn usage(self, nano_aiu: Option<i64>) -> Usage {
        let zero = Option::<i64>::unwrap_or_default;
        Usage {
            input: zero(self.input) + zero(self.read) + zero(self.written),
            output: zero(self.output),
            cached: self.read,
            cache_write: self.written,
            reasoning: self.thinking,
            nano_aiu,
        }
    }
}

/// The usage of a whole answer.
pub(crate) fn usage_of<'v>(value: impl Look<'v>) -> Option<Usage> {
    let usage = value.member("usage").filter(|usage| usage.values().next().is_some())?;
    let mut counts = Counts::default();
    counts.take(usage);
    Some(counts.usage(nano_aiu_of(value)))
}

/// Puts the usage of a stream together: counts come in `message_start`, the last one of each counts.
#[derive(Debug, Default)]
pub(crate) struct UsageMeter {
    counts: Counts,
    begun: bool,
    nano_aiu: Option<i64>,
}

impl UsageMeter {
    /// Reads the usage that a frame has, into `known`; tells whether it has one.
    pub(crate) fn take<'v>(&mut self, frame: impl Look<'v>, known: &mut Option<Usage>) -> bool {
        let own = frame.member("usage").filter(|usage| !usage.is_nothing());
        let found = own.or_else(|| frame.member("message").and_then(|message| message.member("usage")));
        self.nano_aiu = nano_aiu_of(frame).or(self.nano_aiu);
        let Some(found) = found.filter(|usage| usage.values().next().is_some()) else {
            return false;
        };
        self.counts.take(found);
        self.begun |= found.values().any(|value| !value.is_nothing());
        *known = self.begun.then(|| self.counts.usage(self.nano_aiu));
        true
    }
}
