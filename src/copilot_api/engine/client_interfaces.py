"""The contract of the component "client": calls to upstream, and the relays that their bodies become.

The rules of :mod:`copilot_api.engine.interfaces` hold here too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Literal, Protocol

from copilot_api.engine.interfaces import RequestBody, StreamEnd, StreamFacts, StreamPlan
from copilot_api.records import field, record

Outcome = Literal["completed", "client_gone", "upstream_failed", "deadline", "cancelled", "shutdown"]


@record
class ClientOptions:
    """Options of the upstream client."""

    proxy_from_env: bool = False
    """Follow the proxy variables of compat.md 2.8."""
    max_connections: int = 512
    header_limit: int = 256 * 1024


@record
class Timeouts:
    """Seconds. `first_byte` counts from the written request to the response's header section."""

    connect: float = 10.0
    first_byte: float = 300.0
    idle: float = 120.0


@record
class UpstreamCall:
    """One HTTP request to GitHub or Copilot."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: RequestBody | None = field(default=None, repr=False)
    timeouts: Timeouts = Timeouts()
    ahead: Literal["head", "first", "whole"] = "head"
    """How much of the answer the call may wait for, so that its caller is woken once: the header section, a
    stream's first bytes too, or the whole body. A hint: an implementation may return earlier."""
    patience: float = 15.0
    """Seconds that ``first`` waits at most; 0 is no limit."""
    own: tuple[tuple[str, str], ...] = ()
    """Headers of this call alone. `headers` may be one object for many calls: what an implementation makes of
    it can be kept."""


@record
class RelaySummary:
    """The end of one relay: what the log, the ledger and the metrics get."""

    outcome: Outcome
    facts: StreamFacts
    bytes_in: int
    bytes_out: int
    first_byte_ms: float | None
    duration_ms: float
    end: StreamEnd | None = None
    """How upstream's body ended; None when its content ended the stream, or the client did."""


@record
class Progress:
    """How far a relay has come, for whoever looks while it runs."""

    events: int
    """Frames of the answer."""
    bytes_out: int
    silent_ms: float
    """Since the last frame; since the beginning while there was none."""


class Relay(Protocol):
    """Moves one streamed body to the client. Single use; dropping it closes the upstream connection."""

    @property
    def native(self) -> object | None:
        """What our own server takes over instead of iterating; None for a relay in Python."""

    @property
    def summary(self) -> RelaySummary | None:
        """Set when the relay is over."""

    def progress(self) -> Progress:
        """Return how far it has come."""

    def captured(self) -> tuple[bytes, bytes] | None:
        """Return the beginnings of what upstream sent and of what the client was sent.

        None while it runs, and where the plan's `capture` is 0.
        """

    async def first(self) -> None:
        """Wait until the first frame is judged, one keep-alive interval at most.

        After that the client gets its status and a keep-alive frame: a later failure is in-band. Raises
        :class:`StreamRefused`, so that a failing stream becomes a status (R-27).
        """

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over bytes for the client. Failures of the stream do not raise: they are in-band."""

    def cancel(self, outcome: Literal["cancelled", "shutdown"]) -> None:
        """End the stream soon, with an in-band error in the client's dialect."""

    async def aclose(self) -> None:
        """Close the upstream connection now. Idempotent."""


class Upstream(Protocol):
    """The answer of one call, once its status and headers are there."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, names in lower case."""

    async def read(self, limit: int) -> bytes:
        """Return the whole body. Raises :class:`UpstreamError` (cut, silent, over `limit` bytes)."""

    def relay(self, plan: StreamPlan) -> Relay:
        """Consume the body as a stream."""

    async def aclose(self) -> None:
        """Close the connection, or return it to the pool when the body was read. Idempotent."""


class Client(Protocol):
    """Pooled HTTP to upstream: TLS verified, redirects never followed, proxies as configured."""

    async def request(self, call: UpstreamCall) -> Upstream:
        """Send. Raises :class:`UpstreamError`. Cancelling the call closes the connection."""

    async def aclose(self) -> None:
        """Close the pool."""
