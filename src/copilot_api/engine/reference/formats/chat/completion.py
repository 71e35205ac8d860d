"""What whole and streamed answers in OpenAI's format share: finish reasons, usage, times."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference.canonical import Finish
from copilot_api.engine.reference.jsontext import Number

_FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter")


def number(value: int) -> Number:
    """Return an int as a JSON number."""
    return Number(str(value))


def finish_reason(finish: Finish | None, *, called: bool) -> str:
    """Return OpenAI's word; unknown ones are an ordinary stop (upstream.md 4.4)."""
    reason = finish.reason if finish else ""
    if reason == "function_call" or (called and reason not in ("length", "content_filter")):
        return "tool_calls"
    return reason if reason in _FINISH_REASONS else "stop"


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return the usage object; details only where upstream gave them."""
    value: dict[str, Any] = {
        "prompt_tokens": number(usage.input_tokens),
        "completion_tokens": number(usage.output_tokens),
        "total_tokens": number(usage.input_tokens + usage.output_tokens),
    }
    if usage.cached_tokens is not None:
        value["prompt_tokens_details"] = {"cached_tokens": number(usage.cached_tokens)}
    if usage.reasoning_tokens is not None:
        value["completion_tokens_details"] = {"reasoning_tokens": number(usage.reasoning_tokens)}
    return value


def created(seconds: int | None) -> Number:
    """Return when the answer was made; 0 when upstream did not say: a translator has no clock."""
    return number(seconds or 0)


def error_json(message: str, code: str | None) -> dict[str, Any]:
    """Return the object that ends a broken stream."""
    return {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
