"""Chat frames into events: choices merged, calls collected (upstream.md 4.4; D-T12 to D-T23)."""

from __future__ import annotations

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
from copilot_api.engine.reference.formats.chat import frames

_RANK = {"": 0, "stop": 1, "length": 2, "content_filter": 3, "function_call": 4, "tool_calls": 5}


class StreamDecoder:
    """Takes frames, gives events. The finish reason of all choices together is :attr:`reason`."""

    def __init__(self) -> None:
        self.started = False
        self.response_id = ""
        self.model = ""
        self.reason = ""
        self.usage: Usage | None = None
        self._calls = frames.Calls()

    def frame(self, frame: dict[str, Any]) -> list[AnswerEvent]:
        """Return the events of one frame that is not an error."""
        events: list[AnswerEvent] = []
        self.response_id = self.response_id or frames.text(frame.get("id"))
        self.model = self.model or frames.text(frame.get("model"))
        usage = frames.usage_of(frame)
        if usage is not None:
            self.usage = frames.better(self.usage, usage)
        choices = frames.choices_of(frame)
        if choices and not self.started:
            self.started = True
            created = frames.count(frame.get("created")) or None
            events.append(Start(self.response_id, self.model, self.usage, created))
        for number, choice in enumerate(choices):
            index = frames.count(choice.get("index"))
            events += self._delta(frames.mapping(choice.get("delta")), number if index is None else index)
            self._finish(frames.text(choice.get("finish_reason")))
        if usage is not None and self.usage is not None:
            events.append(UsageSeen(self.usage))
        return events

    def end(self) -> list[AnswerEvent]:
        """Return the calls that never got an id; the stream is over."""
        return [event for call in self._calls.all if not call.started for event in self._start(call)]

    @property
    def finish(self) -> Finish:
        """Why the model stopped; a call says so too, whatever the finish reason says."""
        return Finish(self.reason or ("tool_calls" if self._calls.all else "stop"))

    def _delta(self, delta: dict[str, Any], choice: int) -> list[AnswerEvent]:
        events: list[AnswerEvent] = []
        if thought := frames.reasoning_text(delta):
            events.append(ReasoningPiece(thought))
        if carrier := frames.text(delta.get("reasoning_opaque")):
            events.append(ReasoningCarrier(carrier))
        if piece := frames.content_text(delta.get("content")):
            events.append(TextPiece(piece))
        for call, _, fragment in self._calls.take(choice, delta.get("tool_calls")):
            arguments = frames.text(frames.mapping(fragment.get("function")).get("arguments"))
            if call.started:
                if arguments:
                    events.append(ToolArguments(call.key, arguments))
                continue
            if arguments:
                call.arguments.append(arguments)
            if call.id and call.name:
                events += self._start(call)
        return events

    def _start(self, call: frames.Call) -> list[AnswerEvent]:
        call.started = True
        call.id = call.id or frames.invented_id(call, self.response_id)
        events: list[AnswerEvent] = [ToolStart(call.key, call.id, call.name or "unknown")]
        events += [ToolArguments(call.key, piece) for piece in call.arguments]
        call.arguments.clear()
        return events

    def _finish(self, reason: str) -> None:
        if _RANK.get(reason, 1) > _RANK.get(self.reason, 1) or not self.reason:
            self.reason = reason
        if self.reason in ("stop", "") and self._calls.all and reason:
            self.reason = "tool_calls"
