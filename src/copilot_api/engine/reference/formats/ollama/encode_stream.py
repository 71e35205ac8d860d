"""Events into Ollama's stream: a line each, calls whole before the last one (upstream.md 10.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from copilot_api.engine.interfaces import StreamPlan, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    AnswerContext,
    AnswerEvent,
    Finish,
    ReasoningPiece,
    Start,
    TextPiece,
    ToolArguments,
    ToolStart,
)
from copilot_api.engine.reference.formats.chat.thinking import is_shown
from copilot_api.engine.reference.formats.ollama.answer import call_json, content, end, head


@dataclass(slots=True)
class _Call:
    """A call while its arguments come."""

    id: str
    name: str
    arguments: list[str] = field(default_factory=list)


class StreamEncoder:
    """Writes lines; clients read each as JSON, so there is no comment and no end mark."""

    def __init__(self, plan: StreamPlan, context: AnswerContext) -> None:
        self.started = False
        self._reasoning = is_shown(plan, context)
        self._context = context
        self._head = head(context, plan.model, None)
        self._calls: dict[int, _Call] = {}

    def events(self, events: list[AnswerEvent]) -> str:
        """Return the lines for some events."""
        return "".join(self._event(event) for event in events)

    def finish(self, finish: Finish, usage: Usage | None) -> str:
        """Return the end of a complete answer."""
        calls = [
            call_json(index, call.id, call.name, "".join(call.arguments))
            for index, call in enumerate(self._calls.values())
        ]
        out = self._line(content(self._context, "", calls=calls)) if calls else ""
        return out + _write({**self._head, **content(self._context, ""), **end(finish, usage)})

    def fail(self, message: str, _code: str | None) -> str:
        """Return the line that ends a broken answer."""
        return _write({"error": message})

    def keep_alive(self) -> str:
        """Return a line without content."""
        return self._line(content(self._context, ""))

    def _event(self, event: AnswerEvent) -> str:
        if isinstance(event, TextPiece):
            return self._line(content(self._context, event.text))
        if isinstance(event, ReasoningPiece) and self._reasoning:
            return self._line(content(self._context, "", thinking=event.text))
        if isinstance(event, ToolStart):
            self._calls[event.key] = _Call(event.id, event.name)
        if isinstance(event, ToolArguments) and event.key in self._calls:
            self._calls[event.key].arguments.append(event.text)
        if isinstance(event, Start):
            self.started = True
            self._head = head(self._context, event.model, event.created)
        return ""

    def _line(self, members: dict[str, Any]) -> str:
        return _write({**self._head, **members, "done": False})


def _write(line: dict[str, Any]) -> str:
    return jsontext.dumps(line) + "\n"
