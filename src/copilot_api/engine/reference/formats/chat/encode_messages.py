"""Turns into chat messages (compat.md 4.3; D-T6 to D-T9; upstream.md 4.2, 4.4)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference import carriers
from copilot_api.engine.reference.canonical import (
    Block,
    File,
    Image,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.chat.cache_marks import MEMBER, marker
from copilot_api.engine.reference.formats.chat.custom_tools import wrapped

ERROR_MARK = "Error: "
"""Put before the text of a failed tool's result, which chat cannot mark otherwise (D-T7)."""


def messages_of(turn: Turn, plan: RequestPlan, rewrites: list[str]) -> list[dict[str, Any]]:
    """Return the messages of a turn, the last one with its cache marker. Raises `InvalidRequest`."""
    messages = _messages(turn, plan, rewrites)
    if turn.cache is not None and messages:
        messages[-1][MEMBER] = marker()
    return messages


def _messages(turn: Turn, plan: RequestPlan, rewrites: list[str]) -> list[dict[str, Any]]:
    if turn.role == "assistant":
        return _assistant(turn, plan, rewrites)
    if turn.role == "system":
        return [{"role": "system", "content": _joined(turn.blocks)}]
    results = [block for block in turn.blocks if isinstance(block, ToolResult)]
    messages: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": result.call_id, "content": _result_text(result)}
        for result in results
    ]
    pictures = [block for result in results for block in result.content if isinstance(block, Image)]
    if pictures:
        # Chat takes pictures in user messages only (D-T8, upstream.md 4.2).
        parts = [{"type": "text", "text": "Images of the tool results above:"}, *map(_part, pictures)]
        messages.append({"role": "user", "content": parts})
    others = tuple(block for block in turn.blocks if not isinstance(block, ToolResult))
    if others or not results:
        messages.append({"role": "user", "content": _content(others)})
    return messages


def _assistant(turn: Turn, plan: RequestPlan, rewrites: list[str]) -> list[dict[str, Any]]:
    calls = [block for block in turn.blocks if isinstance(block, ToolCall)]
    others, reasoning = _without_foreign([*turn.blocks], plan, rewrites)
    message: dict[str, Any] = {"role": "assistant"}
    if calls:
        message["content"] = _content(others) or None
        message["tool_calls"] = [_call(call) for call in calls]
    elif turn.blocks and not others and not reasoning:
        return []
    else:
        message["content"] = None if turn.plain and not turn.blocks else _content(others)
    return [message | reasoning]


def _without_foreign(
    blocks: list[Block], plan: RequestPlan, rewrites: list[str]
) -> tuple[tuple[Block, ...], dict[str, Any]]:
    """Return the blocks of the content, and the members for the reasoning that may go back to this model."""
    kept: list[Block] = []
    members: dict[str, Any] = {}
    for block in blocks:
        if isinstance(block, ToolCall):
            continue
        if not isinstance(block, Reasoning):
            kept.append(block)
            continue
        if plan.without_reasoning:
            rewrites.append("left out reasoning: upstream refused it")
            continue
        value = carriers.fitting(block.carrier, plan.leg, plan.target)
        if value and not members:
            members = {"reasoning_text": block.text} if block.text else {}
            members["reasoning_opaque"] = value
        elif value or plan.dialect != "messages" or not block.text:
            rewrites.append("left out reasoning that cannot go back to the model")
        else:
            # Thinking is text to an Anthropic client's other models, as it always was (compat.md 4.3).
            kept.append(block)
            if block.carrier:
                rewrites.append("sent reasoning of another model as text")
    return tuple(kept), members


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = wrapped(call.arguments) if call.custom else call.arguments
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _content(blocks: tuple[Block, ...]) -> str | list[dict[str, Any]]:
    _refuse_files(blocks)
    if any(isinstance(block, Image) for block in blocks):
        return [_part(block) for block in blocks if isinstance(block, (Text, Reasoning, Image))]
    return _joined(blocks)


def _joined(blocks: tuple[Block, ...]) -> str:
    return "\n\n".join(block.text for block in blocks if isinstance(block, (Text, Reasoning)))


def _part(block: Text | Reasoning | Image) -> dict[str, Any]:
    if isinstance(block, Image):
        detail = {"detail": block.detail} if block.detail else {}
        return {"type": "image_url", "image_url": {"url": block.url, **detail}}
    return {"type": "text", "text": block.text}


def _result_text(result: ToolResult) -> str:
    _refuse_files(result.content)
    text = "\n\n".join(block.text for block in result.content if isinstance(block, Text))
    if result.is_error and not text.startswith(ERROR_MARK):
        return ERROR_MARK + (text or "the tool failed")
    return text


def _refuse_files(blocks: tuple[Block, ...]) -> None:
    for block in blocks:
        if isinstance(block, File):
            name = f" ({block.name})" if block.name else ""
            raise InvalidRequest(
                f"a file of type {block.media_type}{name} cannot be sent: the model reads text and images"
            )
