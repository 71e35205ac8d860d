"""A whole chat answer as the frames of a stream, where the client asked for one (D-H7)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.answer import normalise


def frames_of(value: Any) -> list[tuple[bytes, dict[str, Any]]]:
    """Return event names and frames. Raises `UnusableAnswer`."""
    answer, _ = normalise(value)
    choice = answer["choices"][0]
    delta = dict(choice["message"])
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [
            {"index": jsontext.Number(str(number)), **frames.mapping(call)}
            for number, call in enumerate(calls)
        ]
    frame = {
        **{name: value for name, value in answer.items() if name != "choices"},
        "object": "chat.completion.chunk",
        "choices": [
            {
                "index": jsontext.Number("0"),
                "delta": delta,
                "finish_reason": choice.get("finish_reason") or "stop",
            }
        ],
    }
    return [(b"", frame)]
