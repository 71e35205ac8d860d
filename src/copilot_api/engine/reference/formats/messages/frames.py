"""Reading Anthropic's frames and answers tolerantly: usage, stop reasons, Copilot's extras."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference.formats.chat.frames import count, mapping

REDACTED = "redacted:"
"""Begins the carrier of reasoning whose text was never shown, so that it is known in any dialect's hands."""

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: str) -> str:
    """Return chat's word; unknown ones are a plain stop."""
    return _FINISH_REASONS.get(stop_reason, "stop") if stop_reason else ""


def extras_of(value: dict[str, Any]) -> list[str]:
    """Return the members that are Copilot's own, which strict clients do not expect."""
    return [key for key in value if key.startswith("copilot_") or key == "amazon-bedrock-invocationMetrics"]


def nano_aiu_of(frame: dict[str, Any]) -> int | None:
    """Return the billed amount beside the usage."""
    return count(mapping(frame.get("copilot_usage")).get("total_nano_aiu"))


def usage_from(usage: dict[str, Any], nano_aiu: int | None) -> Usage | None:
    """Return usage in chat's sense: what was read from or written to the cache is input too."""
    if not usage:
        return None
    read, written = (
        count(usage.get("cache_read_input_tokens")),
        count(usage.get("cache_creation_input_tokens")),
    )
    return Usage(
        input_tokens=(count(usage.get("input_tokens")) or 0) + (read or 0) + (written or 0),
        output_tokens=count(usage.get("output_tokens")) or 0,
        cached_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("thinking_tokens")),
        total_nano_aiu=nano_aiu,
    )


class UsageMeter:
    """Puts the usage of a stream together: counts come in ``message_start``, the last one of each counts."""

    def __init__(self) -> None:
        self._members: dict[str, Any] = {}
        self._nano_aiu: int | None = None
        self.usage: Usage | None = None

    def take(self, frame: dict[str, Any]) -> bool:
        """Read the usage that a frame has; tell whether it has one."""
        found = frame.get("usage")
        if found is None:
            found = mapping(frame.get("message")).get("usage")
        billed = nano_aiu_of(frame)
        if billed is not None:
            self._nano_aiu = billed
        if not isinstance(found, dict) or not found:
            return False
        self._members |= {key: value for key, value in found.items() if value is not None}
        self.usage = usage_from(self._members, self._nano_aiu)
        return True
