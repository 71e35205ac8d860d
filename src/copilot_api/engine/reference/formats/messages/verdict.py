"""What a frame of an Anthropic stream means for the stream (upstream.md 6.4, 10.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.parts import Fault, Verdict

DONE_ENDS = False
"""``[DONE]`` is a quirk of Copilot's; ``message_stop`` says that the stream is complete."""


def judge(frame: dict[str, Any]) -> Verdict:
    """Return a fault for an error event, or for an error that stands alone."""
    kind = frame.get("type")
    if kind == "message_stop":
        return "over"
    error = frames.error_of(frame)
    if kind == "error" or (error is not None and not isinstance(kind, str)):
        error = error or {}
        code = frames.text(error.get("type")) or frames.text(error.get("code"))
        message = jsontext.well_formed(frames.text(error.get("message"))) or "upstream reported an error"
        return Fault(message, jsontext.well_formed(code) or None)
    return None
