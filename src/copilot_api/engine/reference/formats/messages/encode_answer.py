"""An answer as an Anthropic message (compat.md 4.4; D-T1, D-T21, D-T22, D-T25)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import AnswerPlan, InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Answer, AnswerContext, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats.messages.answer import stop_reason, usage_json


def encode_answer(answer: Answer, plan: AnswerPlan, _context: AnswerContext) -> dict[str, Any]:
    """Return the message."""
    content = [_block(block) for block in answer.blocks if plan.reasoning or not isinstance(block, Reasoning)]
    finish = answer.finish
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": None if finish is None else stop_reason(finish.reason),
        "stop_sequence": (finish.stop_sequence or None) if finish else None,
        "usage": usage_json(answer.usage),
    }


def _block(block: Text | Reasoning | ToolCall) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, ToolCall):
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": _input(block.arguments)}
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.carrier}
    return {"type": "thinking", "thinking": block.text, "signature": block.carrier}


def _input(text: str) -> Any:
    """Return arguments as an object; what is not one is kept under ``_raw`` (D-T1)."""
    if not text.strip():
        return {}
    try:
        value = jsontext.loads(jsontext.encode(text))
    except InvalidRequest:
        return {"_raw": text}
    return value if isinstance(value, dict) else {"_raw": text}
