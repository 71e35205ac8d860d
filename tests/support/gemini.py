"""Google's requests, answers and streams for tests, in as few words as possible."""

from __future__ import annotations

import json
from typing import Any

from copilot_api.engine.interfaces import AnswerPlan, Framing, RequestPlan, StreamEnd, StreamPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Block, Decoded
from copilot_api.engine.reference.formats.gemini.decode_request import decode_request
from tests.support.chat import TRANSLATION

THOUGHTS = b'{"echo":{"thoughts":true}}'
"""The context of a request that asked for thoughts."""


def decoded(request: Any, *, model: str = "m") -> Decoded:
    """Read a request."""
    value = jsontext.loads(json.dumps(request).encode())
    return decode_request(value, RequestPlan("gemini", "chat", model=model, target=model))


def asked(*contents: Any, **members: Any) -> dict[str, Any]:
    """A request with these contents: strings are the user's, ``(role, part…)`` anything else."""
    made = [
        content
        if isinstance(content, (str, dict))
        else {
            "role": content[0],
            "parts": [text(part) if isinstance(part, str) else part for part in content[1:]],
        }
        for content in contents
    ]
    return {"contents": made, **members}


def text(words: str) -> dict[str, Any]:
    """A text part."""
    return {"text": words}


def call(name: str, args: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A part with a function call."""
    return {"functionCall": {"name": name, **({} if args is None else {"args": args}), **members}}


def response(name: str, value: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A part with a function response."""
    return {"functionResponse": {"name": name, "response": value, **members}}


def blocks(found: Decoded) -> list[tuple[str, tuple[Block, ...]]]:
    """Roles and blocks of the turns."""
    return [(turn.role, turn.blocks) for turn in found.conversation.turns]


def to_gemini(answer: Any, *, context: bytes = b"") -> dict[str, Any]:
    """Translate a whole chat answer."""
    plan = AnswerPlan("gemini", "chat", model="m", context=context)
    value: dict[str, Any] = json.loads(TRANSLATION.answer(json.dumps(answer).encode(), plan).body)
    return value


def stream(
    raw: bytes,
    end: StreamEnd = "end",
    *,
    framing: Framing = "sse",
    step: int = 0,
    context: bytes = THOUGHTS,
) -> tuple[bytes, Any]:
    """Run a whole chat stream; return what the client gets, and the translator."""
    translator = TRANSLATION.stream(StreamPlan("gemini", "chat", model="m", context=context, framing=framing))
    size = step or max(1, len(raw))
    out = b"".join(translator.feed(raw[at : at + size]) for at in range(0, len(raw), size))
    return out + translator.finish(end), translator


def chunks(raw: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream of server-sent events, whose form is checked strictly."""
    found = []
    for event in raw.split(b"\r\n\r\n")[:-1]:
        assert event.startswith(b"data: ")
        assert b"\n" not in event
        found.append(json.loads(event[6:]))
    assert raw.endswith(b"\r\n\r\n") or not raw
    return found


def parts(raw: bytes) -> list[dict[str, Any]]:
    """All parts of a stream's chunks."""
    return [
        part
        for chunk in chunks(raw)
        for candidate in chunk.get("candidates", [])
        for part in candidate["content"]["parts"]
    ]
