"""The bytes that the pretend upstream sends for an order."""

from __future__ import annotations

import json
from typing import Any

from .orders import FORMS, Leg, Order, reply

ERRORS: dict[Leg, dict[str, Any]] = {
    "chat": {"error": {"code": "model_overloaded", "message": "The model is overloaded."}},
    "responses": {"type": "error", "code": "server_error", "message": "The model is overloaded."},
    "messages": {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "The model is overloaded."},
    },
}


def event(value: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    name = f"event: {value['type']}\n".encode() if "type" in value else b""
    return name + b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def stream(order: Order, leg: Leg) -> list[bytes]:
    """Return the frames of a good stream; only their random ids differ from call to call."""
    frames = [event(value) for value in FORMS[leg].events(reply(order, leg))]
    if leg != "responses":
        frames.append(b"data: [DONE]\n\n")
    return frames


def whole(order: Order, leg: Leg) -> bytes:
    """Return the body of a good answer that is no stream."""
    return json.dumps(FORMS[leg].whole(reply(order, leg)), ensure_ascii=False).encode()


def until_failure(frames: list[bytes]) -> list[bytes]:
    """Return the frames that are sent before a fault within the stream."""
    return frames[: len(frames) // 2]
