"""A chat answer into an Anthropic message (compat.md 4.4; D-T1, D-T21, D-T22, D-T25)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.answer import stop_reason, usage_json


def encode_answer(answer: dict[str, Any], *, reasoning: bool) -> dict[str, Any]:
    """Return the message for a normalised chat answer."""
    choice = answer["choices"][0]
    message = choice["message"]
    content: list[dict[str, Any]] = []
    thought = frames.reasoning_text(message) if reasoning else ""
    if thought:
        signature = frames.text(message.get("reasoning_opaque"))
        content.append({"type": "thinking", "thinking": thought, "signature": signature})
    if piece := frames.content_text(message.get("content")):
        content.append({"type": "text", "text": piece})
    calls = message.get("tool_calls")
    content += [_tool_use(frames.mapping(call)) for call in (calls if isinstance(calls, list) else ())]
    reason = choice.get("finish_reason")
    return {
        "id": answer.get("id", ""),
        "type": "message",
        "role": "assistant",
        "model": answer.get("model", ""),
        "content": content,
        "stop_reason": None if reason is None else stop_reason(frames.text(reason)),
        "stop_sequence": None,
        "usage": usage_json(frames.usage_of(answer)),
    }


def _tool_use(call: dict[str, Any]) -> dict[str, Any]:
    function = frames.mapping(call.get("function"))
    return {
        "type": "tool_use",
        "id": call.get("id"),
        "name": function.get("name"),
        "input": _input(function.get("arguments")),
    }


def _input(arguments: Any) -> Any:
    """Return arguments as an object; what is not one is kept under ``_raw`` (D-T1)."""
    if isinstance(arguments, dict):
        return arguments
    text = frames.text(arguments)
    if not text.strip():
        return {}
    try:
        value = jsontext.loads(jsontext.encode(text))
    except InvalidRequest:
        return {"_raw": text}
    return value if isinstance(value, dict) else {"_raw": text}
