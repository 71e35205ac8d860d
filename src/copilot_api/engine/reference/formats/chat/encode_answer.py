"""An answer as a chat completion (upstream.md 10.1)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import AnswerPlan
from copilot_api.engine.reference.canonical import Answer, AnswerContext, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats.chat import completion, opaque
from copilot_api.engine.reference.formats.chat.custom_tools import unwrapped
from copilot_api.engine.reference.formats.chat.thinking import is_shown


def encode_answer(answer: Answer, plan: AnswerPlan, context: AnswerContext) -> dict[str, Any]:
    """Return the completion; reasoning by the name that clients know and by those of Copilot."""
    calls = [block for block in answer.blocks if isinstance(block, ToolCall)]
    written = "".join(block.text for block in answer.blocks if isinstance(block, Text))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": written if written or not calls else None,
        "refusal": None,
    }
    if is_shown(plan, context):
        message |= _reasoning([block for block in answer.blocks if isinstance(block, Reasoning)])
    reason = completion.finish_reason(answer.finish, called=bool(calls))
    if calls and context.echo.get("functions"):
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}
        reason = "function_call" if reason == "tool_calls" else reason
    elif calls:
        message["tool_calls"] = [_call(call, context) for call in calls]
    value: dict[str, Any] = {
        "id": answer.id,
        "object": "chat.completion",
        "created": completion.created(answer.created),
        "model": answer.model,
        "choices": [
            {
                "index": completion.number(0),
                "message": message,
                "logprobs": None,
                "finish_reason": reason,
            }
        ],
    }
    if answer.usage is not None:
        value["usage"] = completion.usage_json(answer.usage)
    return value


def _reasoning(blocks: list[Reasoning]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if thought := "".join(block.text for block in blocks):
        members["reasoning_content"] = members["reasoning_text"] = thought
    if carrier := opaque.pack((len(block.text), block.redacted, block.carrier) for block in blocks):
        members["reasoning_opaque"] = carrier
    return members


def _call(call: ToolCall, context: AnswerContext) -> dict[str, Any]:
    if call.custom or call.name in context.custom:
        text = call.arguments if call.custom else unwrapped(call.arguments)
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": text}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}
