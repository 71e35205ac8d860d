"""Events of the Responses leg into canonical ones, by output index: ids change at every event (5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference.canonical import (
    AnswerEvent,
    Finish,
    ReasoningCarrier,
    ReasoningPiece,
    Start,
    TextPiece,
    ToolArguments,
    ToolStart,
    UsageSeen,
)
from copilot_api.engine.reference.formats.chat.frames import Call, count, invented_id, mapping, text
from copilot_api.engine.reference.formats.responses import frames

_TEXT_DELTAS = ("response.output_text.delta", "response.refusal.delta")
_TEXT_DONES = {"response.output_text.done": "text", "response.refusal.done": "refusal"}
_THOUGHT_DELTAS = {
    "response.reasoning_summary_text.delta": "summary_index",
    "response.reasoning_text.delta": "content_index",
}
_THOUGHT_DONES = {
    "response.reasoning_summary_text.done": "summary_index",
    "response.reasoning_text.done": "content_index",
}
_CALL_DELTAS = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_CALL_DONES = {
    "response.function_call_arguments.done": "arguments",
    "response.custom_tool_call_input.done": "input",
}


@dataclass(slots=True)
class _Call:
    """A call whose item was announced. `wrote`: arguments were given on."""

    key: int
    wrote: bool = False


class StreamDecoder:
    """Takes frames, gives events. The answer starts with its first item, so that an early failure can refuse.

    Whatever came only whole, at the end of a part, of an item or of the answer, is given on then.
    """

    def __init__(self) -> None:
        self.started = False
        self.response_id = ""
        self.model = ""
        self.reason = ""
        self.usage: Usage | None = None
        self._created: int | None = None
        self._items = 0
        self._known: set[int] = set()
        self._calls: dict[int, _Call] = {}
        self._written: set[tuple[str, int, int]] = set()
        self._speaking: int | None = None
        self._thinking = False

    @property
    def finish(self) -> Finish:
        """Why the model stopped."""
        return Finish(self.reason or ("tool_calls" if self._calls else "stop"))

    def end(self) -> list[AnswerEvent]:
        """Return nothing: nothing is held back."""
        return []

    def frame(self, frame: dict[str, Any]) -> list[AnswerEvent]:
        """Return the events of one frame that is no fault."""
        kind = text(frame.get("type"))
        response = mapping(frame.get("response"))
        self.response_id = self.response_id or text(response.get("id"))
        self.model = self.model or text(response.get("model"))
        self._created = self._created or count(response.get("created_at")) or None
        events = self._events(kind, frame, response)
        if (events or kind == "response.output_item.added") and not self.started:
            self.started = True
            return [Start(self.response_id, self.model, None, self._created), *events]
        return events

    def _events(self, kind: str, frame: dict[str, Any], response: dict[str, Any]) -> list[AnswerEvent]:
        if kind in ("response.completed", "response.incomplete"):
            return self._over(kind, frame, response)
        if kind == "response.output_item.added":
            return self._added(frame)
        index = self._index(frame)
        if kind in _TEXT_DELTAS:
            return self._text(index, _place(frame, "content_index"), text(frame.get("delta")))
        if kind in _THOUGHT_DELTAS:
            return self._thought(index, kind, _place(frame, _THOUGHT_DELTAS[kind]), text(frame.get("delta")))
        if kind in _CALL_DELTAS:
            return self._arguments(index, text(frame.get("delta")))
        if kind == "response.output_item.done":
            return self._done(index, mapping(frame.get("item")))
        if kind in _TEXT_DONES:
            place = _place(frame, "content_index")
            return self._rest_of_text(index, place, text(frame.get(_TEXT_DONES[kind])))
        if kind in _THOUGHT_DONES:
            place = _place(frame, _THOUGHT_DONES[kind])
            return self._rest_of_thought(index, kind, place, text(frame.get("text")))
        if kind in _CALL_DONES and index in self._calls and not self._calls[index].wrote:
            return self._arguments(index, text(frame.get(_CALL_DONES[kind])))
        return []

    def _index(self, frame: dict[str, Any]) -> int:
        index = count(frame.get("output_index"))
        return max(0, self._items - 1) if index is None else index

    def _added(self, frame: dict[str, Any]) -> list[AnswerEvent]:
        index = count(frame.get("output_index"))
        index = self._items if index is None else index
        self._items = max(self._items, index + 1)
        item = mapping(frame.get("item"))
        self._known.add(index)
        return self._start(index, item) if item.get("type") in frames.CALLS else []

    def _start(self, index: int, item: dict[str, Any]) -> list[AnswerEvent]:
        call = self._calls[index] = _Call(len(self._calls))
        call_id = text(item.get("call_id")) or invented_id(Call(call.key), self.response_id)
        name = text(item.get("name")) or "unknown"
        custom = item.get("type") == "custom_tool_call"
        return [ToolStart(call.key, call_id, name, custom, text(item.get("namespace")))]

    def _arguments(self, index: int, piece: str) -> list[AnswerEvent]:
        call = self._calls.get(index)
        if call is None or not piece:
            return []
        call.wrote = True
        return [ToolArguments(call.key, piece)]

    def _text(self, index: int, place: int, piece: str) -> list[AnswerEvent]:
        if not piece:
            return []
        self._written.add(("text", index, place))
        # A second message is not the first one's continuation.
        apart = "\n\n" if self._speaking not in (None, index) else ""
        self._speaking = index
        return [TextPiece(apart + piece)]

    def _rest_of_text(self, index: int, place: int, whole: str) -> list[AnswerEvent]:
        return [] if ("text", index, place) in self._written else self._text(index, place, whole)

    def _thought(self, index: int, kind: str, place: int, piece: str) -> list[AnswerEvent]:
        if not piece:
            return []
        part = ("summary" if "summary" in kind else "content", index, place)
        apart = "\n\n" if self._thinking and part not in self._written else ""
        self._written.add(part)
        self._thinking = True
        return [ReasoningPiece(apart + piece)]

    def _rest_of_thought(self, index: int, kind: str, place: int, whole: str) -> list[AnswerEvent]:
        part = ("summary" if "summary" in kind else "content", index, place)
        return [] if part in self._written else self._thought(index, kind, place, whole)

    def _done(self, index: int, item: dict[str, Any]) -> list[AnswerEvent]:
        self._known.add(index)
        self._items = max(self._items, index + 1)
        kind = item.get("type")
        events: list[AnswerEvent] = []
        if kind == "message":
            content = item.get("content")
            for place, part in enumerate(content if isinstance(content, list) else ()):
                events += self._rest_of_text(index, place, frames.part_text(part))
        elif kind == "reasoning":
            events += self._reasoning_done(index, item)
        elif kind in frames.CALLS:
            if index not in self._calls:
                events += self._start(index, item)
            if not self._calls[index].wrote:
                whole = text(item.get("arguments" if kind == "function_call" else "input"))
                events += self._arguments(index, whole or ("{}" if kind == "function_call" else ""))
        return events

    def _reasoning_done(self, index: int, item: dict[str, Any]) -> list[AnswerEvent]:
        member = "summary" if item.get("summary") else "content"
        parts = item.get(member)
        events: list[AnswerEvent] = []
        for place, part in enumerate(parts if isinstance(parts, list) else ()):
            events += self._rest_of_thought(index, member, place, text(mapping(part).get("text")))
        if carrier := text(item.get("encrypted_content")):
            self._thinking = False
            events.append(ReasoningCarrier(carrier))
        return events

    def _over(self, kind: str, frame: dict[str, Any], response: dict[str, Any]) -> list[AnswerEvent]:
        events: list[AnswerEvent] = []
        output = response.get("output")
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if index not in self._known:
                events += self._done(index, mapping(item))
        status = "incomplete" if kind == "response.incomplete" else response.get("status")
        self.reason = frames.reason_of({**response, "status": status}, called=bool(self._calls))
        self.usage = frames.usage_of(response, frame)
        if not self.started:
            self.started = True
            events.insert(0, Start(self.response_id, self.model, None, self._created))
        if self.usage is not None:
            events.append(UsageSeen(self.usage))
        return events


def _place(frame: dict[str, Any], member: str) -> int:
    return count(frame.get(member)) or 0
