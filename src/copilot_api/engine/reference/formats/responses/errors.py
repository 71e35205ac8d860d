"""Error codes in the words of this format, which Codex acts on (upstream.md 10.2)."""

from __future__ import annotations

_KEPT = (
    "invalid_prompt",
    "cyber_policy",
    "usage_not_included",
    "insufficient_quota",
    "server_is_overloaded",
    "slow_down",
)
_WORDS = (
    (
        "context_length_exceeded",
        ("context_length", "max_prompt_tokens", "context_window", "request_too_large"),
    ),
    ("insufficient_quota", ("quota", "overage_limit", "spend_limit", "billing")),
    ("rate_limit_exceeded", ("rate_limit",)),
    ("server_is_overloaded", ("overload", "service_unavailable")),
    ("invalid_prompt", ("content_filter", "off_topic", "invalid_request")),
)


def code_of(code: str | None) -> str:
    """Return the code for ``response.failed``; what is not known is a fault of the server."""
    given = code or ""
    if given in _KEPT:
        return given
    for word, signs in _WORDS:
        if any(sign in given for sign in signs):
            return word
    return "server_error"
