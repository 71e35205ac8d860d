//! Error codes in the words of this format, which Codex acts on (upstream.md 10.2).

const KEPT: [&str; 6] = [
    "invalid_prompt",
    "cyber_policy",
    "usage_not_included",
    "insufficient_quota",
    "server_is_overloaded",
    "slow_down",
];
const WORDS: [(&str, &[&str]); 5] = [
    (
        "context_length_exceeded",
        &["context_length", "max_prompt_tokens", "context_window", "request_too_large"],
    ),
    ("insufficient_quota", &["quota", "overage_limit", "spend_limit", "billing"]),
    ("rate_limit_exceeded", &["rate_limit"]),
    ("server_is_overloaded", &["overload", "service_unavailable"]),
    ("invalid_prompt", &["content_filter", "off_topic", "invalid_request"]),
];

/// The code for `response.failed`; what is not known is a fault of the server.
pub(super) fn code_of(code: &str) -> &'static str {
    if let Some(kept) = KEPT.iter().find(|kept| **kept == code) {
        return kept;
    }
    let known = WORDS.iter().find(|(_, signs)| signs.iter().any(|sign| code.contains(sign)));
    known.map_or("server_error", |(word, _)| word)
}
