"""An answer as a text completion: its text, after the prompt where that was asked for."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import AnswerPlan
from copilot_api.engine.reference.canonical import Answer, AnswerContext, Text
from copilot_api.engine.reference.formats.chat import completion, frames


def encode_answer(answer: Answer, _plan: AnswerPlan, context: AnswerContext) -> dict[str, Any]:
    """Return the completion."""
    written = "".join(block.text for block in answer.blocks if isinstance(block, Text))
    reason = completion.finish_reason(answer.finish, called=False)
    value: dict[str, Any] = {
        "id": answer.id,
        "object": "text_completion",
        "created": completion.created(answer.created),
        "model": answer.model,
        "choices": [
            {
                "text": frames.text(context.echo.get("prompt")) + written,
                "index": completion.number(0),
                "logprobs": None,
                "finish_reason": "stop" if reason == "tool_calls" else reason,
            }
        ],
    }
    if answer.usage is not None:
        value["usage"] = completion.usage_json(answer.usage)
    return value
