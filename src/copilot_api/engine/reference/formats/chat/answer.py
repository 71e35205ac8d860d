"""Whole chat answers: choices merged, Anthropic-shaped ones converted, gaps filled (upstream.md 4.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import UnusableAnswer
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def normalise(value: Any) -> tuple[dict[str, Any], bool]:
    """Return an answer with exactly one choice, and whether anything was changed.

    Raises :class:`UnusableAnswer` when there is neither a choice nor content (D-H6).
    """
    if not isinstance(value, dict):
        raise UnusableAnswer("upstream answered with JSON that is not an object")
    choices = frames.choices_of(value)
    if not choices:
        return _from_anthropic(value), True
    changed = False
    if len(choices) > 1 or value["choices"] != choices:
        value["choices"] = [_merge(choices)]
        changed = True
    choice = value["choices"][0]
    message = choice.get("message")
    if not isinstance(message, dict):
        message = choice["message"] = {"role": "assistant", "content": None}
        changed = True
    changed |= _mend_calls(message, frames.text(value.get("id")))
    if message.get("tool_calls") and choice.get("finish_reason") == "stop":
        choice["finish_reason"] = "tool_calls"
        changed = True
    for name, default in (("object", "chat.completion"), ("created", jsontext.Number("0"))):
        if name not in value:
            value[name] = default
            changed = True
    return value, changed


def _merge(choices: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: list[Any] = []
    reason = None
    for choice in choices:
        part = frames.mapping(choice.get("message"))
        for name, value in part.items():
            if name == "tool_calls":
                calls += value if isinstance(value, list) else []
            elif name == "content":
                piece = frames.content_text(value)
                if piece:
                    message["content"] = (message["content"] or "") + piece
            elif name not in message:
                message[name] = value
        given = choice.get("finish_reason")
        if given == "tool_calls" or reason in (None, "stop"):
            reason = given if given is not None else reason
    if calls:
        message["tool_calls"] = calls
    return {**choices[0], "index": jsontext.Number("0"), "message": message, "finish_reason": reason}


def _mend_calls(message: dict[str, Any], response_id: str) -> bool:
    changed = False
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            continue
        if not function.get("arguments"):
            function["arguments"] = "{}"
            changed = True
        if not call.get("id"):
            call["id"] = frames.invented_id(frames.Call(number), response_id)
            changed = True
    return changed


def _from_anthropic(value: dict[str, Any]) -> dict[str, Any]:
    content = value.get("content")
    usage = value.get("usage")
    if not isinstance(content, list) and not (value.get("choices") == [] and isinstance(usage, dict)):
        raise UnusableAnswer("upstream answered without an answer")
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls = []
    for block in content if isinstance(content, list) else ():
        block = frames.mapping(block)
        if block.get("type") == "text":
            message["content"] = (message["content"] or "") + frames.text(block.get("text"))
        elif block.get("type") == "tool_use":
            function = {"name": block.get("name"), "arguments": jsontext.dumps(block.get("input", {}))}
            calls.append({"id": block.get("id"), "type": "function", "function": function})
    if calls:
        message["tool_calls"] = calls
    elif message["content"] is None:
        message["content"] = ""
    stop = frames.text(value.get("stop_reason"))
    counted = frames.usage_of(value)
    answer: dict[str, Any] = {
        "id": value.get("id", ""),
        "object": "chat.completion",
        "created": value.get("created", jsontext.Number("0")),
        "model": value.get("model", ""),
        "choices": [
            {
                "index": jsontext.Number("0"),
                "message": message,
                "finish_reason": _FINISH_REASONS.get(stop, "tool_calls" if calls else "stop"),
            }
        ],
    }
    if counted is not None:
        total = counted.input_tokens + counted.output_tokens
        answer["usage"] = {
            "prompt_tokens": jsontext.Number(str(counted.input_tokens)),
            "completion_tokens": jsontext.Number(str(counted.output_tokens)),
            "total_tokens": jsontext.Number(str(total)),
        }
    return answer
