"""Events into Google's stream: chunks of whole parts, as server-sent events or as one JSON array."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from copilot_api.engine.interfaces import StreamPlan, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    AnswerContext,
    AnswerEvent,
    Finish,
    Reasoning,
    ReasoningCarrier,
    ReasoningPiece,
    Start,
    TextPiece,
    ToolArguments,
    ToolStart,
    UsageSeen,
)
from copilot_api.engine.reference.formats.gemini import signatures
from copilot_api.engine.reference.formats.gemini.answer import chunk, ending, function_call, signed


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)


class StreamEncoder:
    """Writes text as it comes. Calls wait for the end: their arguments go out whole, and the carrier of the
    reasoning, which may come after them, belongs on the first one (upstream.md 4.4, 10.4)."""

    def __init__(self, plan: StreamPlan, context: AnswerContext) -> None:
        self.started = False
        self._array = plan.framing == "array"
        self._thoughts = context.echo.get("thoughts") is True
        self._model = plan.model
        self._id = ""
        self._opened = False
        self._wrote = False
        self._calls: dict[int, _Call] = {}
        self._carriers: list[Reasoning] = []

    def events(self, events: list[AnswerEvent]) -> str:
        """Return the stream text for some events: one chunk, or nothing."""
        parts: list[dict[str, Any]] = []
        for event in events:
            self._event(event, parts)
        return self._written(self._chunk(parts)) if parts else ""

    def finish(self, finish: Finish, usage: Usage | None) -> str:
        """Return the end of a complete answer: the calls, and why it is over."""
        parts, malformed = self._whole_calls()
        parts = signed(parts, signatures.write(self._carriers))
        return self._written(self._chunk(parts, ending(finish.reason, malformed), usage)) + self._closing()

    def fail(self, message: str, code: str | None) -> str:
        """Return what ends a broken answer: the calls that are whole, then one error."""
        parts, _ = self._whole_calls()
        out = self._written(self._chunk(signed(parts, signatures.write(self._carriers)))) if parts else ""
        number, status = _status(code or "")
        error = {"code": jsontext.Number(number), "message": message, "status": status}
        return out + self._written({"error": error}) + self._closing()

    def keep_alive(self) -> str:
        """Return a chunk with empty text; within an array, white space.

        google-genai takes a comment for the beginning of an error, so there is none of them.
        """
        if not self._array:
            return self._written(self._chunk([]))
        return "\n" if self._opened else self._opening()

    def _event(self, event: AnswerEvent, parts: list[dict[str, Any]]) -> None:
        if isinstance(event, UsageSeen):
            return
        self.started = True
        if isinstance(event, Start):
            self._id, self._model = event.id, event.model or self._model
        elif isinstance(event, TextPiece):
            _append(parts, event.text, thought=False)
        elif isinstance(event, ReasoningPiece):
            if self._thoughts:
                _append(parts, event.text, thought=True)
        elif isinstance(event, ReasoningCarrier):
            self._carriers.append(Reasoning("", event.value, event.redacted))
        elif isinstance(event, ToolStart):
            self._calls[event.key] = _Call(event.id, event.name)
        elif isinstance(event, ToolArguments) and event.key in self._calls:
            self._calls[event.key].arguments.append(event.text)

    def _whole_calls(self) -> tuple[list[dict[str, Any]], str]:
        parts, malformed = [], ""
        for call in self._calls.values():
            arguments = "".join(call.arguments)
            part = function_call(call.id, call.name, arguments)
            if part is not None:
                parts.append(part)
            else:
                malformed = malformed or f"{call.name}({arguments})"
        return parts, malformed

    def _chunk(
        self, parts: list[dict[str, Any]], end: dict[str, Any] | None = None, usage: Usage | None = None
    ) -> dict[str, Any]:
        return chunk(parts, self._model, self._id, end, usage)

    def _written(self, value: dict[str, Any]) -> str:
        data = jsontext.dumps(value)
        if not self._array:
            return f"data: {data}\r\n\r\n"
        before = self._opening() if not self._opened else "\n," if self._wrote else ""
        self._wrote = True
        return before + data

    def _opening(self) -> str:
        self._opened = True
        return "["

    def _closing(self) -> str:
        return "\n]" if self._array else ""


def _append(parts: list[dict[str, Any]], text: str, *, thought: bool) -> None:
    if not text:
        return
    if parts and ("thought" in parts[-1]) is thought:
        parts[-1]["text"] += text
    else:
        parts.append({"text": text, "thought": True} if thought else {"text": text})


def _status(code: str) -> tuple[str, str]:
    """Return number and word for an error within a stream (upstream.md 8.6)."""
    if "rate_limit" in code:
        return "429", "RESOURCE_EXHAUSTED"
    if "overload" in code:
        return "503", "UNAVAILABLE"
    if "content_filter" in code or "max_prompt_tokens" in code or "invalid" in code:
        return "400", "INVALID_ARGUMENT"
    return "500", "INTERNAL"
