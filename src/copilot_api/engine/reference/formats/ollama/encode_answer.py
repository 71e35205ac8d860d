"""An answer as Ollama gives it without streaming: one object with everything."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import AnswerPlan
from copilot_api.engine.reference.canonical import Answer, AnswerContext, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats.chat.thinking import is_shown
from copilot_api.engine.reference.formats.ollama.answer import call_json, content, end, head


def encode_answer(answer: Answer, plan: AnswerPlan, context: AnswerContext) -> dict[str, Any]:
    """Return the answer."""
    text = "".join(block.text for block in answer.blocks if isinstance(block, Text))
    thinking = "".join(block.text for block in answer.blocks if isinstance(block, Reasoning))
    made = [block for block in answer.blocks if isinstance(block, ToolCall)]
    calls = [call_json(index, call.id, call.name, call.arguments) for index, call in enumerate(made)]
    return {
        **head(context, answer.model, answer.created),
        **content(context, text, thinking=thinking if is_shown(plan, context) else "", calls=calls),
        **end(answer.finish, answer.usage),
    }
