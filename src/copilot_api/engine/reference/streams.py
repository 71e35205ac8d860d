"""Stream translators from the chat leg: SSE in, the client's stream out; ends and errors judged once.

:class:`_ChatStream` knows when a stream is over and how; its two children know how their dialect says so.
"""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import (
    InvalidRequest,
    StreamEnd,
    StreamFacts,
    StreamPlan,
    StreamRefused,
    Usage,
)
from copilot_api.engine.reference import jsontext, sse
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.decode_stream import ChatStreamDecoder
from copilot_api.engine.reference.formats.chat.relay_repairs import ChatRelayRepairs
from copilot_api.engine.reference.formats.messages.encode_stream import MessagesStreamEncoder, ping

_MESSAGES: dict[StreamEnd, str] = {
    "end": "upstream ended the stream before the answer was complete",
    "cut": "the connection to upstream broke before the answer was complete",
    "idle": "upstream was silent for too long",
    "too_large": "upstream sent a frame that is too large",
    "shutdown": "the gateway is shutting down; try again",
    "cancelled": "the request was cancelled",
}
_COMMENT = b": keep-alive\n\n"


class _ChatStream:
    """Reads a chat stream; see :class:`copilot_api.engine.interfaces.StreamTranslator`."""

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._parser = sse.Parser(plan.frame_limit)
        self._events = 0
        self._wrote = False
        self._error: str | None = None
        self.done = False
        self.refusal: StreamRefused | None = None

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

    def _is_over(self) -> bool:
        return self.done

    def _last(self, end: StreamEnd, message: str) -> bytes:
        if self._reason() and end not in ("shutdown", "cancelled"):
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
            return self._complete()
        try:
            frame = jsontext.loads(event.data)
        except InvalidRequest:
            return self._fail("upstream sent a frame that is not JSON", None, {})
        if not isinstance(frame, dict):
            return self._fail("upstream sent a frame that is not an object", None, {})
        error = frames.error_of(frame)
        if error is not None and not frames.choices_of(frame):
            message = jsontext.well_formed(frames.text(error.get("message"))) or "upstream reported an error"
            return self._fail(message, jsontext.well_formed(frames.text(error.get("code"))) or None, frame)
        self._events += 1
        return self._written(self._frame(event, frame))

    def _complete(self) -> bytes:
        if not self._wrote and not self._reason() and not self._began():
            return self._fail("upstream ended the stream without an answer", None, {})
        self.done = True
        return self._end_mark()

    def _fail(self, message: str, code: str | None, frame: dict[str, Any]) -> bytes:
        self.done = True
        if not self._wrote:
            body = jsontext.encode(jsontext.dumps(frame)) if frame else b""
            self.refusal = StreamRefused(message, body, _status(code))
            return b""
        self._error = message
        return self._error_mark(message, code)

    def _written(self, out: bytes) -> bytes:
        self._wrote = self._wrote or bool(out)
        return out

    def _frame(self, _event: sse.Event, frame: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def _reason(self) -> str:
        raise NotImplementedError

    def _began(self) -> bool:
        raise NotImplementedError

    def _end_mark(self) -> bytes:
        raise NotImplementedError

    def _error_mark(self, message: str, code: str | None) -> bytes:
        raise NotImplementedError

    def _facts(self, model: str, response_id: str, usage: Usage | None) -> StreamFacts:
        return StreamFacts(
            events=self._events,
            model=jsontext.well_formed(model) or None,
            response_id=jsontext.well_formed(response_id) or None,
            finish_reason=jsontext.well_formed(self._reason()) or None,
            usage=usage,
            error=self._error,
        )


class ChatToChat(_ChatStream):
    """Relays with repairs."""

    def __init__(self, plan: StreamPlan) -> None:
        super().__init__(plan)
        self._repairs = ChatRelayRepairs()

    @property
    def facts(self) -> StreamFacts:
        """What was seen so far."""
        return self._facts(self._repairs.model, self._repairs.response_id, self._repairs.usage)

    def keep_alive(self) -> bytes:
        """Return a comment."""
        self._wrote = True
        return _COMMENT

    def _frame(self, _event: sse.Event, frame: dict[str, Any]) -> bytes:
        return self._repairs.frame(_event, frame)

    def _reason(self) -> str:
        return self._repairs.reason

    def _began(self) -> bool:
        return self._wrote

    def _end_mark(self) -> bytes:
        return self._repairs.end() + sse.write(b"[DONE]")

    def _error_mark(self, message: str, code: str | None) -> bytes:
        error = {"message": message, "type": "server_error", "param": None, "code": code}
        return self._repairs.end() + sse.write(jsontext.encode(jsontext.dumps({"error": error})))


class ChatToMessages(_ChatStream):
    """Translates into Anthropic's stream."""

    def __init__(self, plan: StreamPlan) -> None:
        super().__init__(plan)
        self._decoder = ChatStreamDecoder()
        self._encoder = MessagesStreamEncoder(plan.input_tokens, reasoning=plan.reasoning)

    @property
    def facts(self) -> StreamFacts:
        """What was seen so far."""
        return self._facts(self._decoder.model, self._decoder.response_id, self._decoder.usage)

    def keep_alive(self) -> bytes:
        """Return a ping, or a comment while no message has begun."""
        self._wrote = True
        return ping().encode() if self._encoder.started else _COMMENT

    def _frame(self, _event: sse.Event, frame: dict[str, Any]) -> bytes:
        return jsontext.encode(self._encoder.events(self._decoder.frame(frame)))

    def _reason(self) -> str:
        return self._decoder.reason

    def _began(self) -> bool:
        return self._encoder.started

    def _end_mark(self) -> bytes:
        if not self._encoder.started:
            return self._error_mark("upstream ended the stream without an answer", None)
        out = self._encoder.events(self._decoder.end())
        reason = self._decoder.reason or ("tool_calls" if self._decoder.called else "stop")
        return jsontext.encode(out + self._encoder.finish(reason, self._decoder.usage))

    def _error_mark(self, message: str, code: str | None) -> bytes:
        kind = "overloaded_error" if code and "overload" in code else "api_error"
        out = self._encoder.events(self._decoder.end())
        return jsontext.encode(out + self._encoder.fail(message, kind))


def _status(code: str | None) -> int:
    """Return the HTTP status for an error that came as the first frame (R-27)."""
    code = code or ""
    if "rate_limit" in code:
        return 429
    if "overload" in code:
        return 503
    if "content_filter" in code or "max_prompt_tokens" in code or "invalid" in code:
        return 400
    return 502
