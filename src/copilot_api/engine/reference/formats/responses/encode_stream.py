"""Canonical events into a Responses stream: every item announced, given in pieces, then whole (10.2)."""

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
from copilot_api.engine.reference.formats.responses import answer, events
from copilot_api.engine.reference.formats.responses.errors import code_of
from copilot_api.engine.reference.formats.responses.events import Event


@dataclass(slots=True)
class _Item:
    """An output item that was announced."""

    index: int
    id: str
    kind: Literal["text", "thought", "call"]
    pieces: list[str] = field(default_factory=list)
    call: answer.CallKind | None = None
    call_id: str = ""
    seal: str = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def value(self, status: str, *, empty: bool = False) -> dict[str, Any]:
        """Return the item as it is, or as it was before it had content."""
        if self.call is not None:
            arguments = "" if empty else self.text
            return self.call.item(self.id, status, self.call_id, arguments)
        if self.kind == "thought":
            return answer.reasoning_item(self.id, "" if empty else self.text, self.seal)
        content = [] if empty else [answer.text_part(self.text)]
        return answer.message_item(self.id, status, content)

    def is_whole(self) -> bool:
        """A call's arguments are whole when they are JSON; the rest ends when something follows."""
        return self.call is None or _is_json_object(self.text)


def _is_json_object(text: str) -> bool:
    if not text.rstrip(" \t\n\r").endswith("}"):
        return False
    try:
        jsontext.loads(jsontext.encode(jsontext.well_formed(text)))
    except InvalidRequest:
        return False
    return True


class StreamEncoder:
    """Writes items in order of appearance; one is done when the next begins, unless a call is not whole."""

    def __init__(self, plan: StreamPlan, context: AnswerContext) -> None:
        self.started = False
        self._plan = plan
        self._context = context
        self._out = events.Numbered()
        self._head = answer.head("", plan.model, None, context)
        self._count = 0
        self._open: list[_Item] = []
        self._done: dict[int, dict[str, Any]] = {}
        self._current: _Item | None = None
        self._calls: dict[int, _Item] = {}

    def events(self, given: list[AnswerEvent]) -> str:
        """Return the stream text for some events."""
        return self._out.write([event for one in given for event in self._event(one)])

    def finish(self, finish: Finish, usage: Usage | None) -> str:
        """Return the end of a complete answer."""
        incomplete = answer.incomplete_reason(finish.reason)
        status = "incomplete" if incomplete else "completed"
        made: list[Event] = []
        for item in list(self._open):
            made += self._close(item, status if item is self._open[-1] else "completed")
        response = self._head.response(status, self._output(), usage, incomplete=incomplete)
        return self._out.write([*made, (status, {"response": response})])

    def fail(self, message: str, code: str | None) -> str:
        """Return what ends a broken answer. What is not whole is not done: no call comes of it."""
        opening = [] if self.started else self._start(Start("", ""))
        error = {"code": code_of(code), "message": message}
        response = self._head.response("failed", self._output(), error=error)
        return self._out.write([*opening, ("failed", {"response": response})])

    def keep_alive(self) -> str:
        """Return an event that clients ignore but for their timers, or a comment before the first."""
        if not self.started:
            return ": keep-alive\n\n"
        return self._out.write([("in_progress", {"response": self._head.response("in_progress", [])})])

    def _output(self) -> list[dict[str, Any]]:
        return [self._done[index] for index in sorted(self._done)]

    def _event(self, event: AnswerEvent) -> list[Event]:
        if isinstance(event, Start):
            return self._start(event)
        if isinstance(event, TextPiece):
            return self._text(event.text)
        if isinstance(event, ReasoningPiece) and self._plan.reasoning:
            return self._thought(event.text)
        if isinstance(event, ReasoningCarrier) and self._plan.reasoning:
            return self._carrier(event.value)
        if isinstance(event, ToolStart):
            return self._call(event)
        if isinstance(event, ToolArguments):
            call = self._calls.get(event.key)
            if any(item is call for item in self._open):
                return self._arguments(self._calls[event.key], event.text)
        return []

    def _start(self, event: Start) -> list[Event]:
        self.started = True
        self._head = answer.head(event.id, event.model or self._plan.model, event.created, self._context)
        response = self._head.response("in_progress", [])
        return [("created", {"response": response}), ("in_progress", {"response": response})]

    def _text(self, piece: str) -> list[Event]:
        made: list[Event] = []
        item = self._current
        if item is None or item.kind != "text":
            item, made = self._begin("text", "msg")
            made.append(events.text_opened(item.index, item.id, 0))
        item.pieces.append(piece)
        return [*made, events.text_piece(item.index, item.id, 0, piece)]

    def _thought(self, piece: str) -> list[Event]:
        made: list[Event] = []
        item = self._current
        if item is None or item.kind != "thought":
            item, made = self._begin("thought", "rs")
            made.append(events.thought_opened(item.index, item.id, 0))
        item.pieces.append(piece)
        return [*made, events.thought_piece(item.index, item.id, 0, piece)]

    def _carrier(self, seal: str) -> list[Event]:
        item = self._current
        if item is not None and item.kind == "thought":
            item.seal = seal
            return self._close(item, "completed")
        # It may come after text or calls: an item of its own then, while what is open goes on.
        current = self._current
        item, made = self._begin("thought", "rs", alone=False)
        item.seal = seal
        made += self._close(item, "completed")
        self._current = current
        return made

    def _call(self, event: ToolStart) -> list[Event]:
        kind = answer.call_kind(event.name, event.custom, event.namespace, self._context)
        item, made = self._begin("call", kind.prefix, call=kind, call_id=event.id)
        self._calls[event.key] = item
        return made

    def _arguments(self, item: _Item, piece: str) -> list[Event]:
        item.pieces.append(piece)
        # What is wrapped can be given only when it is whole.
        is_plain = item.call is not None and item.call.type == "function_call"
        return [events.arguments_piece(item.index, item.id, piece)] if is_plain else []

    def _begin(
        self,
        kind: Literal["text", "thought", "call"],
        prefix: str,
        *,
        call: answer.CallKind | None = None,
        call_id: str = "",
        alone: bool = True,
    ) -> tuple[_Item, list[Event]]:
        made: list[Event] = []
        for open_item in list(self._open) if alone else ():
            if open_item.is_whole():
                made += self._close(open_item, "completed")
        item = _Item(self._count, self._head.item_id(prefix, self._count), kind, call=call, call_id=call_id)
        self._count += 1
        self._open.append(item)
        self._current = item
        return item, [*made, events.item_added(item.index, item.value("in_progress", empty=True))]

    def _close(self, item: _Item, status: str) -> list[Event]:
        self._open.remove(item)
        if self._current is item:
            self._current = None
        made: list[Event] = []
        if item.kind == "text":
            made += events.text_closed(item.index, item.id, 0, answer.text_part(item.text))
        elif item.kind == "thought" and item.pieces:
            made += events.thought_closed(item.index, item.id, 0, item.text)
        elif item.call is not None:
            made += self._close_call(item, item.call)
        value = self._done[item.index] = item.value(status)
        return [*made, events.item_done(item.index, value)]

    def _close_call(self, item: _Item, call: answer.CallKind) -> list[Event]:
        made: list[Event] = []
        if call.type == "function_call":
            if not item.text.strip():
                item.pieces.append("{}")
                made.append(events.arguments_piece(item.index, item.id, "{}"))
            made.append(events.arguments_closed(item.index, item.id, call.name, item.text))
        elif call.type == "custom_tool_call":
            made += events.input_given(item.index, item.id, call.input(item.text))
        return made
