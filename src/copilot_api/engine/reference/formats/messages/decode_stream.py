"""Anthropic frames into events (upstream.md 6.4, 10.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference import jsontext
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
from copilot_api.engine.reference.formats.messages.frames import REDACTED, UsageMeter, finish_reason


@dataclass(slots=True)
class _Open:
    """A content block that is not closed yet."""

    call: int = -1
    wrote: bool = False
    signature: str = ""


class StreamDecoder:
    """Takes frames, gives events; calls are counted in the order of their blocks."""

    def __init__(self) -> None:
        self.started = False
        self.response_id = ""
        self.model = ""
        self.reason = ""
        self._meter = UsageMeter()
        self._stop_sequence = ""
        self._calls = 0
        self._open: dict[int, _Open] = {}

    @property
    def usage(self) -> Usage | None:
        """Usage so far."""
        return self._meter.usage

    @property
    def finish(self) -> Finish:
        """Why the model stopped."""
        return Finish(self.reason or ("tool_calls" if self._calls else "stop"), self._stop_sequence)

    def frame(self, frame: dict[str, Any]) -> list[AnswerEvent]:
        """Return the events of one frame that is not an error."""
        kind = frame.get("type")
        if kind == "message_start":
            message = frames.mapping(frame.get("message"))
            self.response_id = frames.text(message.get("id"))
            self.model = frames.text(message.get("model"))
            self._meter.take(frame)
            return self._start()
        if kind == "content_block_start":
            index, block = frames.count(frame.get("index")) or 0, frames.mapping(frame.get("content_block"))
            return [*self._start(), *self.end(index), *self._opened(index, block)]
        if kind == "content_block_delta":
            index = frames.count(frame.get("index")) or 0
            return [*self._start(), *self._delta(index, frames.mapping(frame.get("delta")))]
        if kind == "content_block_stop":
            return self.end(frames.count(frame.get("index")) or 0)
        if kind == "message_delta":
            return self._message_delta(frame)
        return []

    def end(self, index: int | None = None) -> list[AnswerEvent]:
        """Close a block, or all that are open: the stream is over."""
        events: list[AnswerEvent] = []
        for number in list(self._open) if index is None else [index]:
            block = self._open.pop(number, None)
            if block is None:
                continue
            if block.signature:
                events.append(ReasoningCarrier(block.signature))
            if block.call >= 0 and not block.wrote and self._is_whole(index):
                events.append(ToolArguments(block.call, "{}"))
        return events

    def _is_whole(self, index: int | None) -> bool:
        """A call without arguments has none only when its block was closed, or the answer was complete."""
        return index is not None or bool(self.reason)

    def _start(self) -> list[AnswerEvent]:
        if self.started:
            return []
        self.started = True
        return [Start(self.response_id, self.model, self.usage)]

    def _opened(self, index: int, block: dict[str, Any]) -> list[AnswerEvent]:
        kind = block.get("type")
        opened = self._open[index] = _Open()
        if kind == "text":
            text = frames.text(block.get("text"))
            return [TextPiece(text)] if text else []
        if kind == "thinking":
            opened.signature = frames.text(block.get("signature"))
            thought = frames.text(block.get("thinking"))
            return [ReasoningPiece(thought)] if thought else []
        if kind == "redacted_thinking":
            data = frames.text(block.get("data"))
            return [ReasoningCarrier(REDACTED + data, redacted=True)] if data else []
        if kind != "tool_use":
            return []
        opened.call = self._calls
        self._calls += 1
        name, given = frames.text(block.get("name")), frames.mapping(block.get("input"))
        events: list[AnswerEvent] = [ToolStart(opened.call, frames.text(block.get("id")), name)]
        if given:
            opened.wrote = True
            events.append(ToolArguments(opened.call, jsontext.dumps(given)))
        return events

    def _delta(self, index: int, delta: dict[str, Any]) -> list[AnswerEvent]:
        block = self._open.setdefault(index, _Open())
        kind = delta.get("type")
        if kind == "text_delta" and (text := frames.text(delta.get("text"))):
            return [TextPiece(text)]
        if kind == "thinking_delta" and (thought := frames.text(delta.get("thinking"))):
            return [ReasoningPiece(thought)]
        if kind == "signature_delta":
            block.signature = frames.text(delta.get("signature"))
        piece = frames.text(delta.get("partial_json"))
        if kind == "input_json_delta" and block.call >= 0 and piece:
            block.wrote = True
            return [ToolArguments(block.call, piece)]
        return []

    def _message_delta(self, frame: dict[str, Any]) -> list[AnswerEvent]:
        delta = frames.mapping(frame.get("delta"))
        self.reason = finish_reason(frames.text(delta.get("stop_reason"))) or self.reason
        self._stop_sequence = frames.text(delta.get("stop_sequence")) or self._stop_sequence
        seen = self._meter.take(frame)
        return [UsageSeen(self.usage)] if seen and self.usage is not None else []
