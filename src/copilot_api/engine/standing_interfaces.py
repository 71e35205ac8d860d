"""The contract of the component "standing": requests that our own server carries by an earlier decision.

Its reference is the ordinary way of a request, which is always there (ADR 0021). The rules of
:mod:`copilot_api.engine.interfaces` hold here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from copilot_api.engine.client_interfaces import RelaySummary, Timeouts, Upstream
from copilot_api.engine.interfaces import AnswerPlan, RequestBody, RequestPlan, StreamPlan
from copilot_api.records import record

STANDING = "copilot_api.standing"
"""Where our own server puts an :class:`Errand` into the scope of a request."""


@record
class Decision:
    """What holds for all requests of a kind. It has nothing of a single request in it."""

    url: str
    headers: tuple[tuple[str, str], ...]
    """Of all calls with this token; the request's id follows them."""
    own: tuple[tuple[str, str], ...]
    """And then these."""
    request: RequestPlan
    answer: AnswerPlan
    stream: StreamPlan | None
    """As it would be for one of them; its estimate, context and time are each request's own."""
    patience: float
    timeouts: Timeouts
    rewrites: tuple[str, ...]
    noted: str
    """The same as the value of a response header."""
    strict: bool
    """What would lose something is not carried."""
    counted: bool
    """Keep a body for a moment, for the log line that counts its tokens."""
    until: float
    """Monotonic seconds."""


Event = Literal["whole", "begun", "ended", "gone"]
"""A request was answered whole, its stream began, its stream is over, or its client left before either."""

Settled = tuple[
    Event,
    Any,
    str,
    str,
    float,
    float | None,
    float,
    int,
    int,
    tuple[int, int, int | None, int | None, int | None, int | None] | None,
    bytes | None,
    str,
    list[str] | None,
    str,
    RequestBody | None,
    float,
    RelaySummary | None,
]
"""What became of a request that was carried; a plain tuple, since there may be tens of thousands a second.

In order: the event; what the decision was installed with; the request's id and the one that upstream gave,
empty for none; Unix seconds at which it came; milliseconds to the head of its answer and in all; bytes of the
request and of a whole answer; usage of a whole answer, in the order of
:class:`~copilot_api.engine.interfaces.Usage`; user agent as the client sent it; why the initiator is who it
is; changes beyond the decision's; all of them as a header's value; what was sent, of a few; seconds that
upstream took; how a stream ended.
"""


@record
class RunningStream:
    """A stream that is carried now. Times are milliseconds."""

    number: int
    tag: object
    user_agent: bytes | None
    age_ms: float
    silent_ms: float
    events: int
    bytes: int


class Errand(Protocol):
    """A request whose kind can be decided about."""

    @property
    def id(self) -> str | None:
        """What upstream knows it by, if it was carried and has come back: see :meth:`Standing.reply`."""

    @property
    def tag(self) -> object:
        """What the decision was installed with by which it was carried; None if it was not."""

    def take_place(self) -> bool:
        """Tell, once, whether it has a place, which is then the caller's to give back."""


class Standing(Protocol):
    """The decisions, by kind. Bounded: the one that was not used for longest makes room."""

    def open(self, is_open: bool) -> None:
        """Take decisions and carry requests by them, or no more; those that stand end."""

    def clear(self) -> None:
        """Something changed that decisions depend on: those that stand end, and none of before is taken."""

    def install(self, errand: Errand, decision: Decision, tag: object) -> bool:
        """Let a decision stand for the kind of `errand`, unless something changed since that came."""

    def reply(self, errand: Errand) -> Upstream | Literal["stopped"] | None:
        """Return, once, what came of a call that was made already; None when there was none.

        Raises :class:`copilot_api.engine.interfaces.UpstreamError`.
        """

    def running(self) -> Sequence[RunningStream]:
        """Return the streams that are carried now."""

    @property
    def counts(self) -> tuple[int, int, int]:
        """Decisions that stand, requests that were carried, and of those begun the ones that came back."""

    def flush(self) -> None:
        """Tell now of all requests that are over."""

    def stop(self) -> None:
        """The drain time is over: end streams in-band, send what has no answer back, carry no more."""

    async def aclose(self) -> None:
        """Tell of what is over, and stop. Idempotent."""


Listener = Callable[[Sequence[Settled]], None]
"""Told of requests that are over, some at a time."""
