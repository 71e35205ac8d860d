"""A conversation into a chat request: member order and shapes of compat.md 4.1 and 4.3, cured."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan
from copilot_api.engine.reference.canonical import (
    Conversation,
    Image,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

ERROR_MARK = "Error: "
"""Put before the text of a failed tool's result, which chat cannot mark otherwise (D-T7)."""

_BEFORE_TOOLS = ("max_tokens", "max_completion_tokens", "stop", "stream", "temperature", "top_p", "user")


def encode_request(conversation: Conversation, plan: RequestPlan) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the request as a JSON value, and the changes that were made."""
    request = _request(conversation)
    if plan.cap_field == "max_tokens" or "max_tokens" not in request:
        return request, ()
    request = {plan.cap_field if name == "max_tokens" else name: value for name, value in request.items()}
    return request, (f"max_tokens sent as {plan.cap_field}",)


def _request(conversation: Conversation) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": conversation.model,
        "messages": [message for turn in conversation.turns for message in _messages(turn)],
    }
    for name in _BEFORE_TOOLS:
        if name in conversation.options:
            request[name] = conversation.options[name]
    if conversation.tools is not None:
        request["tools"] = [{"type": "function", "function": tool.members} for tool in conversation.tools]
    if conversation.tool_choice is not None and conversation.tools:
        request["tool_choice"] = conversation.tool_choice
    if conversation.parallel_tools is not None and conversation.tools:
        request["parallel_tool_calls"] = conversation.parallel_tools
    return request


def _messages(turn: Turn) -> list[dict[str, Any]]:
    if turn.role == "assistant":
        return [_assistant(turn)]
    if turn.role == "system":
        return [{"role": "system", "content": _joined(turn)}]
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
        messages.append({"role": "user", "content": _content(Turn("user", others, turn.plain))})
    return messages


def _assistant(turn: Turn) -> dict[str, Any]:
    calls = [block for block in turn.blocks if isinstance(block, ToolCall)]
    others = tuple(block for block in turn.blocks if not isinstance(block, ToolCall))
    message: dict[str, Any] = {"role": "assistant"}
    if not calls:
        message["content"] = None if turn.plain and not turn.blocks else _content(Turn("assistant", others))
        return message
    message["content"] = _content(Turn("assistant", others)) or None
    message["tool_calls"] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]
    return message


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    if any(isinstance(block, Image) for block in turn.blocks):
        return [_part(block) for block in turn.blocks if isinstance(block, (Text, Reasoning, Image))]
    return _joined(turn)


def _joined(turn: Turn) -> str:
    return "\n\n".join(block.text for block in turn.blocks if isinstance(block, (Text, Reasoning)))


def _part(block: Text | Reasoning | Image) -> dict[str, Any]:
    if isinstance(block, Image):
        return {"type": "image_url", "image_url": {"url": block.url}}
    return {"type": "text", "text": block.text}


def _result_text(result: ToolResult) -> str:
    text = "\n\n".join(block.text for block in result.content if isinstance(block, Text))
    if result.is_error and not text.startswith(ERROR_MARK):
        return ERROR_MARK + (text or "the tool failed")
    return text
