"""Stream translators: SSE of a leg in, the client's stream out; ends and errors judged once.

:class:`_Stream` knows when a stream is over and how; its two children know what is written: a stream relayed
within its format, or one translated through the canonical events.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from copilot_api.engine.interfaces import (
    InvalidRequest,
    StreamEnd,
    StreamFacts,
    StreamPlan,
    StreamRefused,
    Usage,
)
from copilot_api.engine.reference import carriers, context, jsontext, sse
from copilot_api.engine.reference.canonical import AnswerEvent, ReasoningCarrier, Start, ToolStart
from copilot_api.engine.reference.formats import part
from copilot_api.engine.reference.parts import Fault, StreamDecoder, StreamEncoder, StreamRepairs
from copilot_api.redaction import redact_tokens

_MESSAGES: dict[StreamEnd, str] = {
    "end": "upstream ended the stream before the answer was complete",
    "cut": "the connection to upstream broke before the answer was complete",
    "idle": "upstream was silent for too long",
    "too_large": "upstream sent a frame that is too large",
    "shutdown": "the gateway is shutting down; try again",
    "cancelled": "the request was cancelled",
}
_NOTHING = "upstream ended the stream without an answer"


class _Reader(Protocol):
    """What is known of the answer so far."""

    response_id: str
    model: str
    reason: str
    usage: Usage | None


class _Stream:
    """Reads a leg's stream; see :class:`copilot_api.engine.interfaces.StreamTranslator`."""

    def __init__(self, plan: StreamPlan, reader: _Reader) -> None:
        verdict = part(plan.leg, "verdict")
        self._judge = verdict.judge
        self._done_ends: bool = verdict.DONE_ENDS
        self._parser = sse.Parser(plan.frame_limit)
        self._reader = reader
        self._events = 0
        self._wrote = False
        self._error: str | None = None
        self.done = False
        self.refusal: StreamRefused | None = None

    @property
    def facts(self) -> StreamFacts:
        """What was seen so far."""
        reader = self._reader
        return StreamFacts(
            events=self._events,
            model=jsontext.well_formed(reader.model) or None,
            response_id=jsontext.well_formed(reader.response_id) or None,
            finish_reason=jsontext.well_formed(reader.reason) or None,
            usage=reader.usage,
            error=self._error,
        )

    def feed(self, data: bytes) -> bytes:
        """Take upstream bytes, return bytes for the client."""
        if self.done:
            return b""
        try:
            events = self._parser.feed(data)
        except sse.FrameTooLarge as error:
            return self._take(error.events) + self.finish("too_large")
        return self._take(events)

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        """Say how the stream ended, once."""
        if self.done:
            return b""
        out = self._take(self._parser.finish()) if end == "end" else b""
        return out if self._is_over() else out + self._last(end, message)

    def keep_alive(self) -> bytes:
        """Return a frame that clients ignore."""
        self._wrote = True
        return self._silence()

    def _is_over(self) -> bool:
        return self.done

    def _last(self, end: StreamEnd, message: str) -> bytes:
        if self._reader.reason and end not in ("shutdown", "cancelled"):
            return self._complete()
        return self._fail(message or _MESSAGES[end], None, {})

    def _take(self, events: list[sse.Event]) -> bytes:
        out = []
        for event in events:
            if self.done:
                break
            out.append(self._event(event))
        return b"".join(out)

    def _event(self, event: sse.Event) -> bytes:
        if not event.data:
            return b""
        if event.data.strip() == b"[DONE]":
            return self._complete() if self._done_ends else b""
        try:
            frame = jsontext.loads(event.data)
        except InvalidRequest:
            return self._fail("upstream sent a frame that is not JSON", None, {})
        if not isinstance(frame, dict):
            return self._fail("upstream sent a frame that is not an object", None, {})
        verdict = self._judge(frame)
        if isinstance(verdict, Fault):
            error = {"message": verdict.message, "code": verdict.code}
            return self._fail(verdict.message, verdict.code, frame if "error" in frame else {"error": error})
        self._events += 1
        out = self._frame(event, frame)
        self._wrote = self._wrote or bool(out)
        return out + self._complete() if verdict == "over" else out

    def _complete(self) -> bytes:
        if not self._wrote and not self._reader.reason and not self._began():
            return self._fail(_NOTHING, None, {})
        self.done = True
        return self._end_mark()

    def _fail(self, message: str, code: str | None, frame: dict[str, Any]) -> bytes:
        self.done = True
        if not self._wrote:
            body = jsontext.encode(jsontext.dumps(frame)) if frame else b""
            self.refusal = StreamRefused(message, body, _status(code))
            return b""
        # What upstream echoes goes no further than here; a refusal is rendered, and masked, elsewhere.
        message, code = redact_tokens(message), code and redact_tokens(code)
        self._error = message
        return self._error_mark(message, code)

    def _frame(self, event: sse.Event, frame: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def _began(self) -> bool:
        raise NotImplementedError

    def _end_mark(self) -> bytes:
        raise NotImplementedError

    def _error_mark(self, message: str, code: str | None) -> bytes:
        raise NotImplementedError

    def _silence(self) -> bytes:
        raise NotImplementedError


class RelayedStream(_Stream):
    """Relays with repairs: the dialect is the leg's own format."""

    def __init__(self, plan: StreamPlan) -> None:
        self._repairs: StreamRepairs = part(plan.leg, "relay").StreamRepairs(plan)
        super().__init__(plan, self._repairs)

    def _frame(self, event: sse.Event, frame: dict[str, Any]) -> bytes:
        return self._repairs.frame(event, frame)

    def _began(self) -> bool:
        return self._wrote

    def _end_mark(self) -> bytes:
        return self._repairs.complete()

    def _error_mark(self, message: str, code: str | None) -> bytes:
        return self._repairs.fail(message, code)

    def _silence(self) -> bytes:
        return self._repairs.keep_alive()


class TranslatedStream(_Stream):
    """Translates through the canonical events; tool names and reasoning carriers pass its border."""

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        known = context.read(plan.context)
        self._names = known.names
        self._decoder: StreamDecoder = part(plan.leg, "decode_stream").StreamDecoder()
        self._encoder: StreamEncoder = part(plan.dialect, "encode_stream").StreamEncoder(plan, known)
        super().__init__(plan, self._decoder)

    def _frame(self, _event: sse.Event, frame: dict[str, Any]) -> bytes:
        return jsontext.encode(self._written(self._decoder.frame(frame)))

    def _written(self, events: list[AnswerEvent]) -> str:
        return self._encoder.events([self._passed(event) for event in events])

    def _passed(self, event: AnswerEvent) -> AnswerEvent:
        if isinstance(event, Start) and event.created is None:
            return replace(event, created=self._plan.now or None)
        if isinstance(event, ToolStart) and event.name in self._names:
            return replace(event, name=self._names[event.name])
        if isinstance(event, ReasoningCarrier):
            return replace(event, value=carriers.tag(event.value, self._plan.leg, self._plan.model))
        return event

    def _began(self) -> bool:
        return self._encoder.started

    def _end_mark(self) -> bytes:
        if not self._encoder.started:
            return self._error_mark(_NOTHING, None)
        out = self._written(self._decoder.end())
        return jsontext.encode(out + self._encoder.finish(self._decoder.finish, self._decoder.usage))

    def _error_mark(self, message: str, code: str | None) -> bytes:
        out = self._written(self._decoder.end())
        return jsontext.encode(out + self._encoder.fail(message, code))

    def _silence(self) -> bytes:
        return jsontext.encode(self._encoder.keep_alive())


def _status(code: str | None) -> int:
    """Return the HTTP status for an error that came as the first frame (R-27)."""
    code = code or ""
    if "rate_limit" in code:
        return 429
    if "overload" in code:
        return 503
    if any(sign in code for sign in ("content_filter", "max_prompt_tokens", "context_length", "invalid")):
        return 400
    return 502
