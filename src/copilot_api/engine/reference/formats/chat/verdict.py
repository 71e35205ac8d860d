"""What a frame of a chat stream means for the stream (upstream.md 4.4)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.parts import Fault, Verdict

DONE_ENDS = True
"""``[DONE]`` says that the stream is complete."""


def judge(frame: dict[str, Any]) -> Verdict:
    """Return a fault for an error object that stands beside no choices."""
    error = frames.error_of(frame)
    if error is None or frames.choices_of(frame):
        return None
    message = jsontext.well_formed(frames.text(error.get("message"))) or "upstream reported an error"
    return Fault(message, jsontext.well_formed(frames.text(error.get("code"))) or None)
