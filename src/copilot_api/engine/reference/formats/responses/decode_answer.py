"""A whole Responses answer into the canonical one (upstream.md 5.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import UnusableAnswer
from copilot_api.engine.reference.canonical import Answer, Finish, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats.chat.frames import Call, count, invented_id, mapping, text
from copilot_api.engine.reference.formats.responses import frames, seals


def checked(value: Any) -> dict[str, Any]:
    """Return a response object. Raises :class:`UnusableAnswer` for one that failed or is none."""
    if not isinstance(value, dict):
        raise UnusableAnswer("upstream answered with JSON that is not an object")
    if value.get("status") in ("failed", "cancelled") or mapping(value.get("error")):
        raise UnusableAnswer("upstream says that the answer failed")
    if not isinstance(value.get("output"), list):
        raise UnusableAnswer("upstream answered without an answer")
    return value


def decode_answer(value: Any) -> Answer:
    """Return the answer. Raises :class:`UnusableAnswer`."""
    response = checked(value)
    response_id = text(response.get("id"))
    blocks: list[Text | Reasoning | ToolCall] = []
    calls = 0
    for item in frames.listed(response["output"]):
        kind = item.get("type")
        if kind == "message" and (said := frames.message_text(item)):
            blocks.append(Text(said))
        elif kind == "reasoning":
            thought, carrier = seals.thought(item), text(item.get("encrypted_content"))
            if thought or carrier:
                blocks.append(Reasoning(thought, carrier))
        elif kind in frames.CALLS:
            blocks.append(_call(item, invented_id(Call(calls), response_id)))
            calls += 1
    return Answer(
        id=response_id,
        model=text(response.get("model")),
        blocks=tuple(blocks),
        finish=Finish(frames.reason_of(response, called=calls > 0)),
        usage=frames.usage_of(response, response),
        created=count(response.get("created_at")) or None,
    )


def _call(item: dict[str, Any], otherwise: str) -> ToolCall:
    custom = item.get("type") == "custom_tool_call"
    arguments = text(item.get("input")) if custom else text(item.get("arguments")) or "{}"
    call_id, name = text(item.get("call_id")) or otherwise, text(item.get("name"))
    return ToolCall(call_id, name, arguments, custom, text(item.get("namespace")))
