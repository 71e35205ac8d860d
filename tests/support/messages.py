"""Anthropic requests, plans and streams for tests, in as few words as possible."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from copilot_api.engine.interfaces import ModelTraits, RequestPlan, StreamEnd, StreamPlan, TranslatedRequest
from copilot_api.engine.reference.translation import ReferenceTranslation

FIXTURES = Path(__file__).parents[1] / "fixtures"
STREAMS = sorted((FIXTURES / "upstream/messages").glob("*.sse"))
BETAS = ("context-management-2025-06-27", "advanced-tool-use-2025-11-20")
TRANSLATION = ReferenceTranslation()


@cache
def traits() -> dict[str, ModelTraits]:
    """The traits of the recorded model list."""
    found = {}
    for model in json.loads((FIXTURES / "upstream/models/models.json").read_bytes())["data"]:
        limits = model["capabilities"].get("limits", {})
        supports = model["capabilities"].get("supports", {})
        efforts = supports.get("reasoning_effort")
        found[model["id"]] = ModelTraits(
            max_output_tokens=limits.get("max_output_tokens"),
            reasoning_effort=tuple(efforts) if efforts else None,
            adaptive_thinking=supports.get("adaptive_thinking", False),
            min_thinking_budget=supports.get("min_thinking_budget"),
            max_thinking_budget=supports.get("max_thinking_budget"),
            structured_outputs=supports.get("structured_outputs", False),
        )
    return found


def recorded(client: str, number: str) -> dict[str, Any]:
    """The body of a recorded request."""
    body: dict[str, Any] = json.loads((FIXTURES / f"clients/{client}/{number}.json").read_bytes())["body"]
    return body


def relay(request: dict[str, Any], target: str = "", **plan: Any) -> tuple[dict[str, Any], TranslatedRequest]:
    """Relay a request to a model; return it as upstream gets it."""
    plan.setdefault("traits", traits().get(target))
    made = TRANSLATION.request(
        json.dumps(request).encode(), RequestPlan("messages", "messages", target=target, **plan)
    )
    value: dict[str, Any] = json.loads(made.body)
    return value, made


def ask(*messages: Any, **members: Any) -> dict[str, Any]:
    """A small request; strings are turns of the user and the assistant by turns."""
    turns = [
        {"role": ("user", "assistant")[number % 2], "content": message}
        if isinstance(message, str)
        else message
        for number, message in enumerate(messages)
    ]
    return {"model": "m", "max_tokens": 100, "messages": turns, **members}


def text(value: str, **members: Any) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": value, **members}


def relayed(raw: bytes, end: StreamEnd = "end", *, step: int = 0) -> tuple[bytes, Any]:
    """Run a whole stream through the relay; return what the client gets, and the translator."""
    translator = TRANSLATION.stream(StreamPlan("messages", "messages"))
    size = step or max(1, len(raw))
    out = b"".join(translator.feed(raw[at : at + size]) for at in range(0, len(raw), size))
    return out + translator.finish(end), translator


def frames(raw: bytes) -> list[dict[str, Any]]:
    """The frames of a stream."""
    lines = [line[6:] for line in raw.decode().split("\n") if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def stream(*items: dict[str, Any]) -> bytes:
    """Frames as an Anthropic stream."""
    return b"".join(
        f"event: {item['type']}\ndata: {json.dumps(item, ensure_ascii=False)}\n\n".encode() for item in items
    )
