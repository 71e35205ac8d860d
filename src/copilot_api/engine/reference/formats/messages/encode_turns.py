"""Turns as Anthropic messages: roles alternate, each call has its result (upstream.md 6.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.canonical import (
    Block,
    File,
    Image,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.chat import custom_tools
from copilot_api.engine.reference.formats.messages.draft import Draft
from copilot_api.engine.reference.formats.messages.encode_media import document, picture
from copilot_api.engine.reference.formats.messages.frames import REDACTED
from copilot_api.engine.reference.formats.messages.mend_turns import FOLDED, legal_id, reminder

NO_RESULT = "No result was recorded for this call."
BEGIN = "Please begin."
"""What the user says where the conversation begins with the assistant."""


def encode_turns(turns: list[Turn], draft: Draft) -> list[dict[str, Any]]:
    """Return the messages. Raises :class:`InvalidRequest` for what cannot be expressed."""
    calls = _Calls(draft)
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(_alternating(turns, draft)):
        path = f"messages[{number}]"
        if turn.role == "assistant":
            blocks = _assistant(turn, draft, calls)
        else:
            blocks = _user(turn, draft, calls, path)
        if turn.cache is not None:
            blocks[-1]["cache_control"] = dict(turn.cache) if isinstance(turn.cache, dict) else turn.cache
        messages.append({"role": turn.role, "content": blocks})
    if leftover := calls.without_result():
        messages.append({"role": "user", "content": leftover})
    if messages and messages[0]["role"] == "assistant":
        messages.insert(0, {"role": "user", "content": [{"type": "text", "text": BEGIN}]})
        draft.say("put a user turn before the first turn, which was the assistant's")
    return messages


def _alternating(turns: list[Turn], draft: Draft) -> list[Turn]:
    """Return turns of alternating roles, each with something in it; a system turn counts as the user's."""
    joined = _joined([_sendable(turn, draft, alone=len(turns) == 1) for turn in turns])
    spoken = [turn for turn in joined if any(not isinstance(block, Reasoning) for block in turn.blocks)]
    if len(spoken) < len(joined):
        draft.say("removed empty messages")
    return _joined(spoken)


def _sendable(turn: Turn, draft: Draft, *, alone: bool) -> Turn:
    """Return the turn with the role that it is sent in, without what has no form there."""
    blocks = [block for block in turn.blocks if not isinstance(block, Text) or block.text.strip()]
    if turn.role == "user":
        said = tuple(block for block in blocks if not isinstance(block, (Reasoning, ToolCall)))
        return replace(turn, blocks=said)
    if turn.role == "system":
        texts = [block.text for block in blocks if isinstance(block, Text)]
        draft.say("system prompt sent as the user's message" if alone else FOLDED)
        made = tuple(Text(text if alone else reminder(text)) for text in texts)
        return replace(turn, role="user", blocks=made)
    fitting = tuple(block for block in blocks if not isinstance(block, (Image, File, ToolResult)))
    if len(fitting) < len(blocks):
        draft.say("left out a picture or file of the assistant's")
    return replace(turn, blocks=fitting)


def _joined(turns: list[Turn]) -> list[Turn]:
    joined: list[Turn] = []
    for turn in turns:
        if not turn.blocks:
            continue
        if not joined or joined[-1].role != turn.role:
            joined.append(turn)
            continue
        last = joined.pop()
        blocks = last.blocks + turn.blocks
        if turn.role == "assistant":
            blocks = _one_thought(last.blocks, turn.blocks)
        joined.append(Turn(turn.role, blocks, cache=last.cache if turn.cache is None else turn.cache))
    return joined


def _one_thought(first: tuple[Block, ...], second: tuple[Block, ...]) -> tuple[Block, ...]:
    """Join two assistant turns: of two answers only one keeps its reasoning, the one with the calls."""
    spoke = any(not isinstance(block, Reasoning) for block in first)
    if not spoke or not any(isinstance(block, Reasoning) for block in second):
        return first + second
    if any(isinstance(block, ToolCall) for block in first):
        return first + tuple(block for block in second if not isinstance(block, Reasoning))
    return tuple(block for block in first if not isinstance(block, Reasoning)) + second


class _Calls:
    """Ids of the calls, and which of the last turn's still wait for a result."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._used: set[str] = set()
        self._waiting: list[tuple[ToolCall, str]] = []

    def add(self, call: ToolCall) -> str:
        """Return the id of a call: legal, and no other call's."""
        wanted = legal_id(call.id) if call.id else f"toolu_{len(self._used)}"
        made, number = wanted, 1
        while made in self._used:
            number += 1
            made = f"{wanted}_{number}"
        self._used.add(made)
        self._waiting.append((call, made))
        if call.id and made != call.id:
            self._draft.say("tool call ids sent in the form upstream takes")
        return made

    def take(self, result: ToolResult) -> str:
        """Return the id of the call that a result is of; empty when it waits for none."""
        for place, (call, made) in enumerate(self._waiting):
            if call.id == result.call_id if result.call_id else result.name in ("", call.name):
                del self._waiting[place]
                return made
        return ""

    def without_result(self) -> list[dict[str, Any]]:
        """Return a result for each call that got none."""
        if self._waiting:
            self._draft.say("added results for tool calls without one")
        made = [
            {"type": "tool_result", "tool_use_id": given, "content": NO_RESULT, "is_error": True}
            for _, given in self._waiting
        ]
        self._waiting.clear()
        return made


def _assistant(turn: Turn, draft: Draft, calls: _Calls) -> list[dict[str, Any]]:
    thoughts: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for block in turn.blocks:
        if isinstance(block, Reasoning):
            thoughts += _thought(block, draft)
        elif isinstance(block, ToolCall):
            given = calls.add(block)
            others.append({"type": "tool_use", "id": given, "name": block.name, "input": _input(block)})
        elif isinstance(block, Text):
            others += _text(block)
    return thoughts + others


def _thought(block: Reasoning, draft: Draft) -> list[dict[str, Any]]:
    plan = draft.plan
    if plan.without_reasoning:
        draft.say("dropped reasoning, which upstream refused")
        return []
    value = carriers.fitting(block.carrier, plan.leg, plan.target)
    if not value:
        draft.say("dropped reasoning of another model")
        return []
    if value.startswith(REDACTED):
        return [{"type": "redacted_thinking", "data": value.removeprefix(REDACTED)}]
    return [{"type": "thinking", "thinking": block.text, "signature": value}]


def _input(call: ToolCall) -> Any:
    arguments = custom_tools.wrapped(call.arguments) if call.custom else call.arguments
    if not arguments.strip():
        return {}
    try:
        value = jsontext.loads(jsontext.encode(arguments))
    except InvalidRequest:
        return {"_raw": call.arguments}
    return value if isinstance(value, dict) else {"_raw": call.arguments}


def _user(turn: Turn, draft: Draft, calls: _Calls, path: str) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            given = calls.take(block)
            content = _content(block.content, path)
            if given:
                results.append(_result(block, given, content))
            else:
                draft.say("a tool result without its call sent as text")
                others += [{"type": "text", "text": "Result of an earlier tool call:"}, *content]
        else:
            others += _content((block,), path)
    return results + calls.without_result() + others


def _result(result: ToolResult, given: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "tool_result", "tool_use_id": given}
    if len(content) == 1 and content[0]["type"] == "text":
        made["content"] = content[0]["text"]
    elif content:
        made["content"] = content
    if result.is_error:
        made["is_error"] = True
    return made


def _content(blocks: tuple[Block, ...], path: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for block in blocks:
        if isinstance(block, Text):
            made += _text(block)
        elif isinstance(block, Image):
            made.append(picture(block, path))
        elif isinstance(block, File):
            made.append(document(block, path))
    return made


def _text(block: Text) -> list[dict[str, Any]]:
    return [{"type": "text", "text": block.text}] if block.text.strip() else []
