"""What the modules of a format provide, as protocols; `formats` says which module has what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference import sse
from copilot_api.engine.reference.canonical import AnswerEvent, Finish


@dataclass(frozen=True, slots=True)
class Fault:
    """Upstream says within its stream that the answer failed."""

    message: str
    code: str | None = None


Verdict = Fault | Literal["over"] | None
"""What a frame means for the stream: it failed, this frame is its last, or it goes on."""


class StreamDecoder(Protocol):
    """Frames of a leg into events. Frames that are faults are not given to it."""

    response_id: str
    model: str
    reason: str
    """A chat ``finish_reason``; empty until the model stopped."""
    usage: Usage | None

    @property
    def finish(self) -> Finish:
        """Why the model stopped; asked when the stream is complete."""

    def frame(self, frame: dict[str, Any]) -> list[AnswerEvent]:
        """Return the events of one frame."""

    def end(self) -> list[AnswerEvent]:
        """Return what was held back; the stream is over, well or not."""


class StreamEncoder(Protocol):
    """Events into the stream of a dialect."""

    @property
    def started(self) -> bool:
        """Something of the answer was written."""

    def events(self, events: list[AnswerEvent]) -> str:
        """Return the stream text for some events."""

    def finish(self, finish: Finish, usage: Usage | None) -> str:
        """Return the end of a complete answer."""

    def fail(self, message: str, code: str | None) -> str:
        """Return what ends a broken answer: all that was received, then one error, no end mark (R-26)."""

    def keep_alive(self) -> str:
        """Return a frame that clients of the dialect ignore, legal at this point."""


class StreamRepairs(Protocol):
    """Relays a stream within one format: bytes pass untouched, but for the quirks of upstream.md."""

    response_id: str
    model: str
    reason: str
    usage: Usage | None

    def frame(self, event: sse.Event, frame: dict[str, Any]) -> bytes:
        """Return what one frame, which is no fault, gives."""

    def complete(self) -> bytes:
        """Return what is still to be written of a complete stream, its end mark included."""

    def fail(self, message: str, code: str | None) -> bytes:
        """Return what ends a broken stream."""

    def keep_alive(self) -> bytes:
        """Return a frame that clients ignore."""
