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


def usage_json(usage: Usage | None, *, output: int | None = None) -> dict[str, Any]:
    """Return the usage object: input excludes what was read from the cache (D-T25 for null)."""
    usage = usage or Usage()
    value: dict[str, Any] = {
        "input_tokens": max(0, usage.input_tokens - (usage.cached_tokens or 0)),
        "output_tokens": usage.output_tokens if output is None else output,
    }
    if usage.cached_tokens is not None:
        value["cache_read_input_tokens"] = usage.cached_tokens
    return value
