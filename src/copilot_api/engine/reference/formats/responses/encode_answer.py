"""An answer as a response object (upstream.md 10.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import AnswerPlan
from copilot_api.engine.reference.canonical import Answer, AnswerContext, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats.responses import answer as made


def encode_answer(answer: Answer, plan: AnswerPlan, context: AnswerContext) -> dict[str, Any]:
    """Return the response object."""
    head = made.head(answer.id, answer.model or plan.model, answer.created, context)
    incomplete = made.incomplete_reason(answer.finish.reason) if answer.finish else ""
    blocks = [block for block in answer.blocks if plan.reasoning or not isinstance(block, Reasoning)]
    status = "incomplete" if incomplete else "completed"
    output = [
        # What was cut off is the last item.
        _item(block, index, status if index == len(blocks) - 1 else "completed", head, context)
        for index, block in enumerate(blocks)
    ]
    return head.response(status, output, answer.usage, incomplete=incomplete)


def _item(
    block: Text | Reasoning | ToolCall, index: int, status: str, head: made.Head, context: AnswerContext
) -> dict[str, Any]:
    if isinstance(block, Text):
        return made.message_item(head.item_id("msg", index), status, [made.text_part(block.text)])
    if isinstance(block, Reasoning):
        return made.reasoning_item(head.item_id("rs", index), block.text, block.carrier)
    kind = made.call_kind(block.name, block.custom, block.namespace, context)
    item_id = head.item_id(kind.prefix, index)
    arguments = block.arguments if block.arguments.strip() or block.custom else "{}"
    return kind.item(item_id, status, block.id, arguments)
