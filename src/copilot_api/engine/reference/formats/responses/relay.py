"""Responses over Responses: what upstream refuses is mended, every other byte stays (upstream.md 5)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference.formats.chat.frames import text
from copilot_api.engine.reference.formats.responses import frames
from copilot_api.engine.reference.formats.responses.decode_answer import checked
from copilot_api.engine.reference.formats.responses.relay_request import request
from copilot_api.engine.reference.formats.responses.relay_stream import StreamRepairs

__all__ = ["StreamRepairs", "answer", "answer_facts", "request"]


def answer(value: Any) -> tuple[dict[str, Any], bool]:
    """Return the answer repaired, and whether anything was changed. Raises `UnusableAnswer`."""
    response = checked(value)
    changed = False
    # The SDKs make this member themselves.
    if "output_text" in response:
        del response["output_text"]
        changed = True
    for item in frames.listed(response["output"]):
        if item.get("type") == "function_call" and not item.get("arguments"):
            item["arguments"] = "{}"
            changed = True
    return response, changed


def answer_facts(value: dict[str, Any]) -> tuple[Usage | None, str, str]:
    """Return usage, finish reason and model of a repaired answer."""
    called = any(item.get("type") in frames.CALLS for item in frames.listed(value["output"]))
    reason = frames.reason_of(value, called=called)
    return frames.usage_of(value, value), reason, text(value.get("model"))
