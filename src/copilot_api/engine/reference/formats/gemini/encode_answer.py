"""A whole answer as Google's ``GenerateContentResponse``."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import AnswerPlan
from copilot_api.engine.reference.canonical import Answer, AnswerContext, Reasoning, Text
from copilot_api.engine.reference.formats.gemini import signatures
from copilot_api.engine.reference.formats.gemini.answer import chunk, ending, function_call, signed


def encode_answer(answer: Answer, plan: AnswerPlan, context: AnswerContext) -> dict[str, Any]:
    """Return the response; thoughts are shown when the request asked for them."""
    parts: list[dict[str, Any]] = []
    malformed = ""
    for block in answer.blocks:
        if isinstance(block, Text):
            parts.append({"text": block.text})
        elif isinstance(block, Reasoning):
            if block.text and context.echo.get("thoughts") is True:
                parts.append({"text": block.text, "thought": True})
        elif (part := function_call(block.id, block.name, block.arguments)) is not None:
            parts.append(part)
        else:
            malformed = malformed or f"{block.name}({block.arguments})"
    signature = signatures.write([block for block in answer.blocks if isinstance(block, Reasoning)])
    end = ending(answer.finish.reason if answer.finish else "", malformed)
    return chunk(signed(parts, signature), answer.model or plan.model, answer.id, end, answer.usage)
