"""Events into a chat stream: the same id, time and model on all chunks (upstream.md 10.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from copilot_api.engine.interfaces import StreamPlan, Usage
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
from copilot_api.engine.reference.formats.chat import completion, opaque
from copilot_api.engine.reference.formats.chat.custom_tools import unwrapped
from copilot_api.engine.reference.formats.chat.thinking import is_shown


@dataclass(slots=True)
class _Call:
    """A call that was begun. `kind` is the member that holds it; `held`: wrapped raw text, for the end."""

    index: int
    kind: str
    held: list[str] | None = None
    wrote: bool = False


@dataclass(slots=True)
class _Thought:
    """The reasoning so far: pieces that have their carrier, and characters that wait for one."""

    pieces: list[tuple[int, bool, str]] = field(default_factory=list)
    waiting: int = 0

    def carrier(self, event: ReasoningCarrier) -> None:
        if event.redacted and self.waiting:
            self.pieces.append((self.waiting, False, ""))
            self.waiting = 0
        self.pieces.append((self.waiting, event.redacted, event.value))
        self.waiting = 0

    def packed(self) -> str:
        rest = [(self.waiting, False, "")] if self.waiting else []
        return opaque.pack([*self.pieces, *rest])


class StreamEncoder:
    """Writes events; a last chunk without choices has the usage, asked for or not (compat.md 3.4)."""

    def __init__(self, plan: StreamPlan, context: AnswerContext) -> None:
        self.started = False
        self._reasoning = is_shown(plan, context)
        self._custom = context.custom
        self._legacy = bool(context.echo.get("functions"))
        self._head: dict[str, Any] = {}
        self._calls: dict[int, _Call] = {}
        self._thought = _Thought()

    def events(self, events: list[AnswerEvent]) -> str:
        """Return the stream text for some events."""
        return "".join(self._event(event) for event in events)

    def finish(self, finish: Finish, usage: Usage | None) -> str:
        """Return the end of a complete answer."""
        out = "".join(self._complete(call) for call in self._calls.values())
        if carrier := self._thought.packed():
            out += self._chunk({"reasoning_opaque": carrier})
        reason = completion.finish_reason(finish, called=bool(self._calls))
        if self._legacy and reason == "tool_calls":
            reason = "function_call"
        out += self._chunk({}, reason)
        if usage is not None:
            out += _write({**self._head, "choices": [], "usage": completion.usage_json(usage)})
        return out + "data: [DONE]\n\n"

    def fail(self, message: str, code: str | None) -> str:
        """Return what ends a broken answer: one error, no end mark (R-26)."""
        return _write(completion.error_json(message, code))

    def keep_alive(self) -> str:
        """Return a comment."""
        return ": keep-alive\n\n"

    def _event(self, event: AnswerEvent) -> str:
        if isinstance(event, TextPiece):
            return self._chunk({"content": event.text})
        if isinstance(event, ToolArguments):
            return self._arguments(event)
        if isinstance(event, ToolStart):
            return self._call(event)
        if isinstance(event, Start):
            return self._start(event)
        if isinstance(event, ReasoningPiece) and self._reasoning:
            self._thought.waiting += len(event.text)
            return self._chunk({"reasoning_content": event.text, "reasoning_text": event.text})
        if isinstance(event, ReasoningCarrier) and self._reasoning:
            # One carrier for the answer, at its end: clients refuse a second one.
            self._thought.carrier(event)
        return ""

    def _start(self, event: Start) -> str:
        self.started = True
        self._head = {
            "id": event.id,
            "object": "chat.completion.chunk",
            "created": completion.created(event.created),
            "model": event.model,
        }
        return self._chunk({"role": "assistant", "content": ""})

    def _call(self, event: ToolStart) -> str:
        custom = event.custom or event.name in self._custom
        call = _Call(len(self._calls), "custom" if custom else "function")
        self._calls[event.key] = call
        if custom and not event.custom:
            call.held = []
        if self._legacy:
            return self._piece(call, {"name": event.name, "arguments": ""})
        entry = {"name": event.name, "input" if custom else "arguments": ""}
        return self._piece(call, entry, {"id": event.id, "type": call.kind})

    def _arguments(self, event: ToolArguments) -> str:
        call = self._calls.get(event.key)
        if call is None:
            return ""
        if call.held is not None:
            call.held.append(event.text)
            return ""
        call.wrote = True
        return self._piece(call, {"input" if call.kind == "custom" else "arguments": event.text})

    def _complete(self, call: _Call) -> str:
        if call.held is not None:
            return self._piece(call, {"input": unwrapped("".join(call.held))})
        return "" if call.wrote or call.kind == "custom" else self._piece(call, {"arguments": "{}"})

    def _piece(self, call: _Call, entry: dict[str, Any], more: dict[str, Any] | None = None) -> str:
        if self._legacy:
            return "" if call.index else self._chunk({"function_call": entry})
        listed = {"index": completion.number(call.index), **(more or {}), call.kind: entry}
        return self._chunk({"tool_calls": [listed]})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> str:
        choice = {
            "index": completion.number(0),
            "delta": delta,
            "logprobs": None,
            "finish_reason": reason,
        }
        return _write({**self._head, "choices": [choice]})


def _write(frame: dict[str, Any]) -> str:
    return f"data: {jsontext.dumps(frame)}\n\n"
