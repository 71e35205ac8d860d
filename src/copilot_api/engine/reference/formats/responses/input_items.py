"""Turns as items of ``input``: without ids, pictures of tool results behind them (upstream.md 5.2, 11.3)."""

from __future__ import annotations

import hashlib
from typing import Any

from copilot_api.engine.interfaces import RequestPlan
from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.canonical import (
    Block,
    Conversation,
    File,
    Image,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.chat.encode_request import ERROR_MARK

_LONGEST_ID = 64


class Writer:
    """Takes turns in order; :attr:`items` is the input so far."""

    def __init__(self, conversation: Conversation, plan: RequestPlan) -> None:
        self.items: list[dict[str, Any]] = []
        self.rewrites: list[str] = []
        self._plan = plan
        self._freeform = {
            block.id
            for turn in conversation.turns
            for block in turn.blocks
            if isinstance(block, ToolCall) and block.custom
        }

    def take(self, turn: Turn) -> None:
        """Write one turn."""
        if turn.role == "assistant":
            self._assistant(turn)
        elif turn.role == "system":
            self._message("system", [_input_text(text_of(turn))])
        else:
            self._user(turn)

    def _message(self, role: str, content: list[dict[str, Any]]) -> None:
        self.items.append({"type": "message", "role": role, "content": content})

    def _assistant(self, turn: Turn) -> None:
        texts: list[dict[str, Any]] = []
        for block in turn.blocks:
            if isinstance(block, Text):
                texts.append({"type": "output_text", "text": block.text})
                continue
            item = self._item(block)
            if item is None:
                continue
            if texts:
                self._message("assistant", texts)
                texts = []
            self.items.append(item)
        if texts:
            self._message("assistant", texts)

    def _item(self, block: Block) -> dict[str, Any] | None:
        if isinstance(block, ToolCall):
            call_id = fitting_id(block.id)
            if block.custom:
                given = {"name": block.name, "input": block.arguments}
                return {"type": "custom_tool_call", "call_id": call_id, **given}
            item = {"type": "function_call", "call_id": call_id, "name": block.name}
            return {**item, "arguments": block.arguments}
        if isinstance(block, Reasoning):
            return self._reasoning(block)
        self.rewrites.append("dropped a picture or file of the assistant")
        return None

    def _reasoning(self, block: Reasoning) -> dict[str, Any] | None:
        plan = self._plan
        carrier = "" if plan.without_reasoning else carriers.fitting(block.carrier, plan.leg, plan.target)
        if not carrier:
            self.rewrites.append("dropped reasoning that this model did not make")
            return None
        summary = [{"type": "summary_text", "text": block.text}] if block.text else []
        return {"type": "reasoning", "summary": summary, "encrypted_content": carrier}

    def _user(self, turn: Turn) -> None:
        results = [block for block in turn.blocks if isinstance(block, ToolResult)]
        attached: list[dict[str, Any]] = []
        for result in results:
            freeform = result.custom or result.call_id in self._freeform
            self.items.append(
                {
                    "type": "custom_tool_call_output" if freeform else "function_call_output",
                    "call_id": fitting_id(result.call_id),
                    "output": _result_text(result),
                }
            )
            attached += [_part(block) for block in result.content if not isinstance(block, Text)]
        if attached:
            self._message("user", [_input_text("Images and files of the tool results above:"), *attached])
        parts = [_part(block) for block in turn.blocks if isinstance(block, (Text, Image, File))]
        if parts or not results:
            self._message("user", parts or [_input_text("")])


def text_of(turn: Turn) -> str:
    """Return the texts of a turn, a blank line between them."""
    return "\n\n".join(block.text for block in turn.blocks if isinstance(block, Text))


def fitting_id(call_id: str) -> str:
    """Return a call id that is not too long, the same one for call and result."""
    if len(call_id) <= _LONGEST_ID:
        return call_id
    return f"call_{hashlib.sha256(jsontext.encode(call_id)).hexdigest()[:32]}"


def _input_text(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def _part(block: Text | Image | File) -> dict[str, Any]:
    if isinstance(block, Text):
        return _input_text(block.text)
    if isinstance(block, Image):
        return {"type": "input_image", "image_url": block.url, "detail": block.detail or "auto"}
    data = f"data:{block.media_type};base64,{block.data}"
    return {"type": "input_file", "filename": block.name or "document.pdf", "file_data": data}


def _result_text(result: ToolResult) -> str:
    text = "\n\n".join(block.text for block in result.content if isinstance(block, Text))
    if result.is_error and not text.startswith(ERROR_MARK):
        return ERROR_MARK + (text or "the tool failed")
    return text
