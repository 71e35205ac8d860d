"""A whole chat answer into the canonical one (upstream.md 4.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference.canonical import Answer, Finish, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.answer import normalise


def decode_answer(value: Any) -> Answer:
    """Return the answer. Raises :class:`~copilot_api.engine.interfaces.UnusableAnswer`."""
    answer, _ = normalise(value)
    choice = answer["choices"][0]
    message = choice["message"]
    blocks: list[Text | Reasoning | ToolCall] = []
    thought, carrier = frames.reasoning_text(message), frames.text(message.get("reasoning_opaque"))
    if thought or carrier:
        blocks.append(Reasoning(thought, carrier))
    if piece := frames.content_text(message.get("content")):
        blocks.append(Text(piece))
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = frames.mapping(frames.mapping(call).get("function"))
        blocks.append(
            ToolCall(
                frames.text(frames.mapping(call).get("id")),
                frames.text(function.get("name")),
                frames.text(function.get("arguments")),
            )
        )
    reason = choice.get("finish_reason")
    return Answer(
        id=frames.text(answer.get("id")),
        model=frames.text(answer.get("model")),
        blocks=tuple(blocks),
        finish=None if reason is None else Finish(frames.text(reason)),
        usage=frames.usage_of(answer),
        created=frames.count(answer.get("created")) or None,
    )
