"""What an event of a Responses stream means for the stream (upstream.md 5.3, 5.4)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat.frames import mapping, text
from copilot_api.engine.reference.parts import Fault, Verdict

DONE_ENDS = False
"""``[DONE]`` is no part of this format; one that comes means nothing."""


def judge(frame: dict[str, Any]) -> Verdict:
    """Return a fault, flat or nested, or that the stream is over."""
    kind = frame.get("type")
    if kind in ("response.completed", "response.incomplete"):
        return "over"
    if kind in ("response.failed", "response.cancelled"):
        return _fault(mapping(mapping(frame.get("response")).get("error")), text(kind))
    if kind == "error" or (not kind and isinstance(frame.get("error"), dict)):
        error = frame.get("error")
        return _fault(error if isinstance(error, dict) else frame, "an error")
    return None


def _fault(error: dict[str, Any], otherwise: str) -> Fault:
    message = jsontext.well_formed(text(error.get("message"))) or f"upstream reported {otherwise}"
    return Fault(message, jsontext.well_formed(text(error.get("code"))) or None)
