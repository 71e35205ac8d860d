"""What whole and streamed answers in Anthropic's format share: stop reasons and usage (compat.md 4.4)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Usage

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def stop_reason(finish_reason: str) -> str:
    """Return Anthropic's word; unknown ones end the turn (D-T21, architecture.md 8)."""
    return _STOP_REASONS.get(finish_reason, "end_turn")


_ERROR_TYPES = (
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "overloaded_error",
)


def error_type(code: str | None) -> str:
    """Return Anthropic's type of an error that came with a code within a stream."""
    code = code or ""
    if code in _ERROR_TYPES:
        return code
    return "overloaded_error" if "overload" in code else "api_error"


def usage_json(usage: Usage | None, *, output: int | None = None) -> dict[str, Any]:
    """Return the usage object: input excludes what the cache read or took in (D-T25 for null)."""
    usage = usage or Usage()
    apart = (usage.cached_tokens or 0) + (usage.cache_write_tokens or 0)
    value: dict[str, Any] = {
        "input_tokens": max(0, usage.input_tokens - apart),
        "output_tokens": usage.output_tokens if output is None else output,
    }
    if usage.cached_tokens is not None:
        value["cache_read_input_tokens"] = usage.cached_tokens
    if usage.cache_write_tokens is not None:
        value["cache_creation_input_tokens"] = usage.cache_write_tokens
    return value
