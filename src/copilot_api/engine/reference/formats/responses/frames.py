"""Reading events and answers of the Responses leg tolerantly: usage, reasons, texts of items."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference.formats.chat.frames import count, mapping, text

CALLS = ("function_call", "custom_tool_call")


def usage_of(response: dict[str, Any], beside: dict[str, Any]) -> Usage | None:
    """Return the usage of a response object; what was billed may stand `beside` it or in it."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    billed = count(mapping(beside.get("copilot_usage")).get("total_nano_aiu"))
    if billed is None:
        billed = count(mapping(response.get("copilot_usage")).get("total_nano_aiu"))
    given = mapping(usage.get("input_tokens_details"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")) or 0,
        output_tokens=count(usage.get("output_tokens")) or 0,
        cached_tokens=count(given.get("cached_tokens")),
        cache_write_tokens=count(given.get("cache_write_tokens")),
        reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")),
        total_nano_aiu=billed,
    )


def reason_of(response: dict[str, Any], *, called: bool) -> str:
    """Return a chat ``finish_reason`` for a response that is over."""
    if response.get("status") != "incomplete":
        return "tool_calls" if called else "stop"
    why = mapping(response.get("incomplete_details")).get("reason")
    return "content_filter" if why == "content_filter" else "length"


def part_text(part: Any) -> str:
    """Return the text of a content part, a refusal's too."""
    part = mapping(part)
    return text(part.get("refusal")) if part.get("type") == "refusal" else text(part.get("text"))


def message_text(item: dict[str, Any]) -> str:
    """Return all text of a message."""
    content = item.get("content")
    return "".join(map(part_text, content)) if isinstance(content, list) else ""


def listed(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none for everything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
