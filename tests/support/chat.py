"""Chat frames and requests for tests, in as few words as possible."""

from __future__ import annotations

import json
from typing import Any

from copilot_api.engine.interfaces import AnswerPlan, Dialect, RequestPlan, StreamEnd, StreamPlan
from copilot_api.engine.reference.translation import ReferenceTranslation

TRANSLATION = ReferenceTranslation()


def frame(
    content: str | None = None,
    *,
    tools: list[dict[str, Any]] | None = None,
    finish: str | None = None,
    index: int = 0,
    usage: dict[str, Any] | None = None,
    **delta: Any,
) -> dict[str, Any]:
    """One chunk with one choice, complete as OpenAI's."""
    if content is not None:
        delta["content"] = content
    if tools is not None:
        delta["tool_calls"] = tools
    made: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
    }
    if usage is not None:
        made["usage"] = usage
    return made


def tool(
    index: int = 0,
    *,
    id: str | None = None,  # noqa: A002 - the member is called so
    name: str | None = None,
    arguments: str | None = None,
) -> dict[str, Any]:
    """One entry of ``tool_calls``; members that are None are left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    entry: dict[str, Any] = {"index": index, "function": function}
    if id is not None:
        entry |= {"id": id, "type": "function"}
    return entry


def sse(*items: Any) -> bytes:
    """Frames as a stream; strings and bytes go in as data."""
    out = b""
    for item in items:
        data = item if isinstance(item, bytes) else str(item).encode() if isinstance(item, str) else None
        out += b"data: " + (json.dumps(item, ensure_ascii=False).encode() if data is None else data) + b"\n\n"
    return out


def translate(
    raw: bytes, dialect: Dialect, end: StreamEnd = "end", *, step: int = 0, reasoning: bool = False
) -> tuple[bytes, Any]:
    """Run a whole stream; return what the client gets, and the translator."""
    translator = TRANSLATION.stream(StreamPlan(dialect, "chat", input_tokens=5, reasoning=reasoning))
    size = step or max(1, len(raw))
    out = b"".join(translator.feed(raw[at : at + size]) for at in range(0, len(raw), size))
    return out + translator.finish(end), translator


def outline(stream: bytes) -> list[str]:
    """Anthropic events in a short form: ``S0 text``, ``D0 hello``, ``E0``, ``delta end_turn``, ``stop``."""
    found = []
    for block in stream.decode().split("\n\n"):
        lines = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
        if not lines:
            continue
        event = json.loads(lines[0])
        kind, index = event["type"], event.get("index")
        if kind == "content_block_start":
            opened = event["content_block"]
            found.append(f"S{index} {opened.get('name') or opened['type']}")
        elif kind == "content_block_delta":
            delta = event["delta"]
            value = next(delta[key] for key in delta if key != "type")
            found.append(f"D{index} {value}")
        elif kind == "content_block_stop":
            found.append(f"E{index}")
        elif kind == "message_delta":
            found.append(f"delta {event['delta']['stop_reason']}")
        elif kind == "error":
            found.append(f"error {event['error']['type']}")
        else:
            found.append(kind.removeprefix("message_"))
    return found


def to_chat(request: dict[str, Any], **plan: Any) -> dict[str, Any]:
    """Translate an Anthropic request for the chat leg."""
    body = json.dumps(request).encode()
    made = TRANSLATION.request(body, RequestPlan("messages", "chat", **plan))
    value: dict[str, Any] = json.loads(made.body)
    return value


def to_message(answer: Any, *, reasoning: bool = False) -> dict[str, Any]:
    """Translate a whole chat answer for an Anthropic client."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    made = TRANSLATION.answer(body, AnswerPlan("messages", "chat", reasoning=reasoning, model="gpt-4.1"))
    value: dict[str, Any] = json.loads(made.body)
    return value
