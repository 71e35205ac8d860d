"""A whole Anthropic answer into the canonical one (upstream.md 6.4)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import UnusableAnswer
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Answer, Finish, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.frames import (
    REDACTED,
    finish_reason,
    nano_aiu_of,
    usage_from,
)


def decode_answer(value: Any) -> Answer:
    """Return the answer. Raises :class:`~copilot_api.engine.interfaces.UnusableAnswer`."""
    if not isinstance(value, dict) or not isinstance(value.get("content"), list):
        raise UnusableAnswer("upstream answered without an answer")
    stop = frames.text(value.get("stop_reason"))
    return Answer(
        id=frames.text(value.get("id")),
        model=frames.text(value.get("model")),
        blocks=tuple(block for item in value["content"] for block in _block(frames.mapping(item))),
        finish=Finish(finish_reason(stop), frames.text(value.get("stop_sequence"))) if stop else None,
        usage=usage_from(frames.mapping(value.get("usage")), nano_aiu_of(value)),
    )


def _block(block: dict[str, Any]) -> list[Text | Reasoning | ToolCall]:
    kind = block.get("type")
    if kind == "text":
        text = frames.text(block.get("text"))
        return [Text(text)] if text else []
    if kind == "thinking":
        thought, signature = frames.text(block.get("thinking")), frames.text(block.get("signature"))
        return [Reasoning(thought, signature)] if thought or signature else []
    if kind == "redacted_thinking":
        data = frames.text(block.get("data"))
        return [Reasoning("", REDACTED + data, redacted=True)] if data else []
    if kind == "tool_use":
        arguments = jsontext.dumps(frames.mapping(block.get("input")))
        return [ToolCall(frames.text(block.get("id")), frames.text(block.get("name")), arguments)]
    return []
