"""Anthropic frames to Anthropic clients: bytes pass, without what Copilot adds (upstream.md 6.4)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import StreamPlan, Usage
from copilot_api.engine.reference import jsontext, sse
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.answer import error_type
from copilot_api.engine.reference.formats.messages.frames import UsageMeter, extras_of, finish_reason


class StreamRepairs:
    """Takes events of an Anthropic stream, gives the bytes for the client."""

    def __init__(self, _plan: StreamPlan) -> None:
        self.response_id = ""
        self.model = ""
        self.reason = ""
        self._meter = UsageMeter()
        self._started = False
        self._stopped = False

    @property
    def usage(self) -> Usage | None:
        """Usage so far."""
        return self._meter.usage

    def frame(self, event: sse.Event, frame: dict[str, Any]) -> bytes:
        """Return what one frame, which is not an error, gives."""
        kind = frames.text(frame.get("type"))
        if kind == "message_start":
            message = frames.mapping(frame.get("message"))
            self.response_id = frames.text(message.get("id"))
            self.model = frames.text(message.get("model"))
            self._started = True
            self._meter.take(frame)
        elif kind == "message_delta":
            self._meter.take(frame)
            stop = frames.text(frames.mapping(frame.get("delta")).get("stop_reason"))
            self.reason = finish_reason(stop) or self.reason
        elif kind == "message_stop":
            self._stopped = True
        data = event.data or b""
        if extras := extras_of(frame):
            data = jsontext.encode(
                jsontext.dumps({key: value for key, value in frame.items() if key not in extras})
            )
        name = event.event or jsontext.encode(jsontext.well_formed(kind))
        return sse.write(data, event=name, event_id=event.id or b"", retry=event.retry or b"")

    def complete(self) -> bytes:
        """Return the end mark, if upstream did not send it."""
        return b"" if self._stopped else _write("message_stop", {})

    def fail(self, message: str, code: str | None) -> bytes:
        """Return an error event, which ends the stream for the client."""
        return _write("error", {"error": {"type": error_type(code), "message": message}})

    def keep_alive(self) -> bytes:
        """Return a ping, or a comment while no message has begun."""
        return _write("ping", {}) if self._started else b": keep-alive\n\n"


def _write(name: str, members: dict[str, Any]) -> bytes:
    return sse.write(jsontext.encode(jsontext.dumps({"type": name, **members})), event=name.encode())
