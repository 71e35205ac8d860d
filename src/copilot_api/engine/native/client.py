"""The upstream client and its relays: what Python asks of them crosses here, their bytes need not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from copilot_api import _native
from copilot_api.engine.client_interfaces import ClientOptions, Progress, Relay, RelaySummary, UpstreamCall
from copilot_api.engine.interfaces import StreamFacts, StreamPlan
from copilot_api.engine.native.runtime import attach, detach, wait
from copilot_api.engine.native.stateless import PAIRS, stream_arguments, usage_of

ForeignRelay = Callable[[AsyncIterator[bytes], Callable[[], Awaitable[None]], StreamPlan], Relay]
"""Makes a relay in Python: ``(chunks, close, plan)``."""


_Headers = tuple[tuple[str, str], ...]

_KEPT = 16
"""Prepared headers that are kept: a token has four kinds of calls."""


class StreamingSwitch(Protocol):
    """Decides which implementation translates streams, and hears how that went."""

    def is_native(self) -> bool:
        """Decide for the current request."""

    def translated(self, calls: int, seconds: float, *, panicked: bool) -> None:
        """A native relay ended."""


class NativeClient:
    """Implements :class:`copilot_api.engine.client_interfaces.Client` over hyper and rustls.

    `switch` says whether a stream is translated natively; where not, `foreign` makes its relay.
    """

    def __init__(
        self,
        options: ClientOptions,
        switch: StreamingSwitch,
        foreign: ForeignRelay,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.native = _native.Client(
            options.proxy_from_env, options.max_connections, options.header_limit, dict(environ)
        )
        self._switch = switch
        self._foreign = foreign
        self._runtime: _native.Runtime | None = None
        self._prepared: dict[int, tuple[_Headers, _native.Headers]] = {}

    async def request(self, call: UpstreamCall) -> NativeUpstream:
        """Send one call and wait for its answer, as much of it as the call says."""
        runtime = self._runtime
        if runtime is None:
            runtime = self._runtime = attach()
        timeouts = call.timeouts
        known = self._prepared.get(id(call.headers))
        ticket, future = self.native.request(
            runtime,
            call.method,
            call.url,
            self._prepare(call.headers) if known is None else known[1],
            call.own,
            call.body,
            (timeouts.connect, timeouts.first_byte, timeouts.idle),
            call.ahead,
            call.patience,
        )
        try:
            upstream = await future
        except asyncio.CancelledError:
            runtime.cancel(ticket)
            raise
        return NativeUpstream(runtime, upstream, self._switch, self._foreign)

    def adopted(self, upstream: _native.Upstream) -> NativeUpstream:
        """Return the answer of a call that the server made itself."""
        runtime = self._runtime
        if runtime is None:
            runtime = self._runtime = attach()
        return NativeUpstream(runtime, upstream, self._switch, self._foreign)

    def summary(self, found: tuple[Any, ...]) -> RelaySummary:
        """Return how a relay ended, and count what its translation took."""
        return _summary(found, self._switch)

    def _prepare(self, headers: _Headers) -> _native.Headers:
        prepared = _native.Headers(headers)
        if len(self._prepared) >= _KEPT:
            self._prepared.clear()
        # The headers are kept with what was made of them, so that no others get their id.
        self._prepared[id(headers)] = headers, prepared
        return prepared

    async def aclose(self) -> None:
        """Close the pool. Idempotent."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            detach(runtime)


class NativeUpstream:
    """Implements :class:`copilot_api.engine.client_interfaces.Upstream`."""

    __slots__ = ("_foreign", "_native", "_runtime", "_switch", "headers", "status")

    def __init__(
        self,
        runtime: _native.Runtime,
        upstream: _native.Upstream,
        switch: StreamingSwitch,
        foreign: ForeignRelay,
    ) -> None:
        self._runtime = runtime
        self._native = upstream
        self._switch = switch
        self._foreign = foreign
        self.status = upstream.status
        self.headers: Mapping[str, str] = upstream.headers

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        whole = self._native.whole(limit)
        if whole is not None:
            return whole
        body: bytes = await wait(self._runtime, self._native.read(self._runtime, limit))
        return body

    def relay(self, plan: StreamPlan) -> Relay:
        """Consume the body as a stream, translated as `plan` says."""
        if (plan.dialect, plan.leg) not in PAIRS or not self._switch.is_native():
            stream = self._native.stream(self._runtime)

            async def close() -> None:
                stream.close()

            return self._foreign(_chunks(self._runtime, stream), close, plan)
        native = self._native.relay(
            self._runtime,
            stream_arguments(plan),
            (plan.keepalive_interval, plan.idle_timeout, plan.content_timeout),
            plan.capture,
        )
        return NativeRelay(self._runtime, native, self._switch)

    async def aclose(self) -> None:
        """Close the connection, or return it to the pool when the body was read. Idempotent."""
        self._native.close()


async def _chunks(runtime: _native.Runtime, stream: _native.Stream) -> AsyncIterator[bytes]:
    try:
        while True:
            chunk = stream.take()
            if chunk is None:
                await wait(runtime, stream.wait())
            elif chunk:
                yield chunk
            else:
                return
    finally:
        stream.close()


class NativeRelay:
    """Implements :class:`copilot_api.engine.client_interfaces.Relay`.

    `native` is what our own server takes over; then no byte of the stream is seen here.
    """

    __slots__ = ("_runtime", "_summary", "_switch", "native")

    def __init__(self, runtime: _native.Runtime, native: _native.Relay, switch: StreamingSwitch) -> None:
        self._runtime = runtime
        self.native = native
        self._switch = switch
        self._summary: RelaySummary | None = None

    @property
    def summary(self) -> RelaySummary | None:
        """Set when the relay is over."""
        if self._summary is None:
            found = self.native.summary
            if found is None:
                return None
            self._summary = _summary(found, self._switch)
        return self._summary

    def progress(self) -> Progress:
        """Return how far it has come."""
        return Progress(*self.native.progress())

    def captured(self) -> tuple[bytes, bytes] | None:
        """Return what passed, where it was kept."""
        return self.native.captured()

    async def first(self) -> None:
        """Judge the first frame; return early when the upstream stays silent."""
        waiting = self.native.judge()
        if waiting is not None:
            await wait(self._runtime, waiting)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return self; the relay is consumed once."""
        return self

    async def __anext__(self) -> bytes:
        """Return all bytes that are there for the client, never none."""
        while True:
            piece = self.native.take()
            if piece is None:
                await wait(self._runtime, self.native.wait())
            elif piece:
                return piece
            else:
                raise StopAsyncIteration

    def cancel(self, outcome: Literal["cancelled", "shutdown"]) -> None:
        """End the stream soon, with an in-band error."""
        self.native.cancel(outcome)

    async def aclose(self) -> None:
        """The client is gone, or the relay is thrown away."""
        self.native.close()


def _summary(found: tuple[Any, ...], switch: StreamingSwitch) -> RelaySummary:
    outcome, end, facts, bytes_in, bytes_out, first, duration, seconds, calls, panicked = found
    switch.translated(calls, seconds, panicked=panicked)
    events, model, response_id, reason, usage, error = facts
    return RelaySummary(
        outcome,
        StreamFacts(events, model, response_id, reason, usage_of(usage), error),
        bytes_in,
        bytes_out,
        first,
        duration,
        end,
    )
