"""Events into an Anthropic stream: one block open at a time, nothing after the end (compat.md 4.5, cured)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from copilot_api.engine.interfaces import InvalidRequest, StreamPlan, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    AnswerContext,
    AnswerEvent,
    Finish,
    ReasoningCarrier,
    ReasoningPiece,
    Start,
    TextPiece,
    ToolArguments,
    ToolStart,
)
from copilot_api.engine.reference.formats.messages.answer import stop_reason, usage_json


@dataclass(slots=True)
class _Block:
    """A content block in the order of first appearance; only the first of the queue is being written."""

    kind: Literal["text", "tool", "thinking", "redacted"]
    key: int = -1
    id: str = ""
    name: str = ""
    waiting: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    """Arguments that went out, to know whether they are whole."""
    signature: str = ""
    begun: bool = False
    whole: bool | None = None
    """Known answer of :meth:`may_close` for what was written so far."""

    def may_close(self) -> bool:
        """A tool's arguments are whole when they are JSON; text and reasoning end when something follows."""
        if self.kind != "tool":
            return True
        if self.whole is None:
            self.whole = _is_json_object("".join(self.written))
        return self.whole


def _is_json_object(text: str) -> bool:
    if not text.rstrip(" \t\n\r").endswith("}"):
        return False
    try:
        jsontext.loads(jsontext.encode(jsontext.well_formed(text)))
    except InvalidRequest:
        return False
    return True


class StreamEncoder:
    """Writes events; without usage, ``message_start`` has the plan's estimate (D-T20)."""

    def __init__(self, plan: StreamPlan, _context: AnswerContext) -> None:
        self.started = False
        self._estimate = plan.input_tokens
        self._reasoning = plan.reasoning
        self._queue: list[_Block] = []
        self._index = 0
        self._late = ""
        """A carrier that came within a text, for a block of its own after it."""

    def events(self, events: list[AnswerEvent]) -> str:
        """Return the stream text for some events."""
        return "".join(self._event(event) for event in events)

    def finish(self, finish: Finish, usage: Usage | None) -> str:
        """Return the end of a complete answer."""
        delta = {"stop_reason": stop_reason(finish.reason), "stop_sequence": finish.stop_sequence or None}
        return (
            self._close_all()
            + _write("message_delta", {"delta": delta, "usage": usage_json(usage)})
            + _write("message_stop", {})
        )

    def fail(self, message: str, code: str | None) -> str:
        """Return what ends a broken answer: all that was received, then one error (D-H9, D-T13)."""
        kind = "overloaded_error" if code and "overload" in code else "api_error"
        return self._close_all() + _write("error", {"error": {"type": kind, "message": message}})

    def keep_alive(self) -> str:
        """Return a ping, or a comment while no message has begun."""
        return _write("ping", {}) if self.started else ": keep-alive\n\n"

    def _event(self, event: AnswerEvent) -> str:
        if isinstance(event, Start):
            return self._start(event)
        if isinstance(event, TextPiece):
            return self._piece("text", event.text)
        if isinstance(event, ReasoningPiece) and self._reasoning:
            return self._piece("thinking", event.text)
        if isinstance(event, ReasoningCarrier) and self._reasoning:
            return self._carrier(event)
        if isinstance(event, ToolStart):
            self._put_late()
            self._queue.append(_Block("tool", event.key, event.id, event.name))
            return self._advance()
        if isinstance(event, ToolArguments):
            for block in self._queue:
                if block.kind == "tool" and block.key == event.key:
                    block.waiting.append(event.text)
            return self._advance()
        return ""

    def _start(self, event: Start) -> str:
        self.started = True
        usage = event.usage
        if usage is None or not usage.input_tokens:
            usage = Usage(input_tokens=self._estimate)
        message: dict[str, Any] = {
            "id": event.id,
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": event.model,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_json(usage, output=0),
        }
        return _write("message_start", {"message": message})

    def _piece(self, kind: Literal["text", "thinking"], piece: str) -> str:
        last = self._queue[-1] if self._queue else None
        if last is None or last.kind != kind or last.signature:
            self._queue.append(_Block(kind))
        self._queue[-1].waiting.append(piece)
        return self._advance()

    def _carrier(self, carrier: ReasoningCarrier) -> str:
        """Sign the reasoning that it belongs to; one without reasoning gets a block of its own."""
        if carrier.redacted:
            self._queue.append(_Block("redacted", signature=carrier.value))
            return self._advance()
        for block in reversed(self._queue):
            if block.kind == "thinking" and not block.signature:
                block.signature = carrier.value
                return ""
        if self._queue and self._queue[-1].kind == "text":
            self._put_late()
            self._late = carrier.value
            return ""
        self._queue.append(_Block("thinking", signature=carrier.value))
        return self._advance()

    def _put_late(self) -> None:
        if self._late:
            self._queue.append(_Block("thinking", signature=self._late))
            self._late = ""

    def _advance(self) -> str:
        """Write what the first block has; move on while a later one waits and the first may close."""
        out = ""
        while self._queue:
            block = self._queue[0]
            out += self._flush(block)
            if len(self._queue) == 1 or not block.may_close():
                break
            out += self._close(block)
        return out

    def _flush(self, block: _Block) -> str:
        out = ""
        if not block.begun:
            block.begun = True
            out = _write("content_block_start", {"index": self._index, "content_block": _opening(block)})
        for piece in block.waiting:
            out += _write("content_block_delta", {"index": self._index, "delta": _delta(block, piece)})
        if block.kind == "tool" and block.waiting:
            block.written += block.waiting
            block.whole = None
        block.waiting.clear()
        return out

    def _close(self, block: _Block) -> str:
        out = self._flush(block)
        if block.signature and block.kind == "thinking":
            delta = {"type": "signature_delta", "signature": block.signature}
            out += _write("content_block_delta", {"index": self._index, "delta": delta})
        out += _write("content_block_stop", {"index": self._index})
        self._queue.remove(block)
        self._index += 1
        return out

    def _close_all(self) -> str:
        self._put_late()
        return "".join(self._close(block) for block in list(self._queue))


def _opening(block: _Block) -> dict[str, Any]:
    if block.kind == "redacted":
        return {"type": "redacted_thinking", "data": block.signature}
    if block.kind == "tool":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": {}}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "text", "text": ""}


def _delta(block: _Block, piece: str) -> dict[str, Any]:
    if block.kind == "tool":
        return {"type": "input_json_delta", "partial_json": piece}
    if block.kind == "thinking":
        return {"type": "thinking_delta", "thinking": piece}
    return {"type": "text_delta", "text": piece}


def _write(name: str, members: dict[str, Any]) -> str:
    data = jsontext.dumps({"type": name, **members})
    return f"event: {name}\ndata: {data}\n\n"
