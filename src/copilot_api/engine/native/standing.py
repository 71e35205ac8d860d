"""Adapter over `copilot_api._native`: decisions that our own server carries requests by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

from copilot_api import _native
from copilot_api.engine.interfaces import ConnectionLost, Dialect
from copilot_api.engine.native.client import NativeClient, NativeUpstream
from copilot_api.engine.native.concurrency import NativeConcurrency
from copilot_api.engine.native.runtime import attach, detach
from copilot_api.engine.native.stateless import prepared
from copilot_api.engine.native.token import NativeTokenManager
from copilot_api.engine.standing_interfaces import Decision, Errand, Listener, RunningStream, Settled

LOOK = 0.005
"""Seconds between two looks at requests that end with the server."""
ENDING = 200
"""Looks, after which those that have not told of their end never will."""

Timed = Callable[[str, int, float, float], None]
"""``(component, calls, seconds in all, seconds of the longest)``: what Python did not see of a component."""


class NativeStanding:
    """Implements :class:`copilot_api.engine.standing_interfaces.Standing`; made inside a running loop.

    `panicked` is told when native code failed over a request that was to be carried.
    """

    def __init__(
        self,
        client: NativeClient,
        tokens: NativeTokenManager,
        places: NativeConcurrency,
        routes: dict[str, Dialect],
        listener: Listener,
        timed: Timed,
        panicked: Callable[[], None],
        usable: Callable[[], bool],
    ) -> None:
        self._client = client
        self._listener = listener
        self._timed = timed
        self._panicked = panicked
        self._usable = usable
        self._runtime: _native.Runtime | None = attach()
        self.native = _native.Standing(
            self._runtime,
            client.native,
            tokens.clock,
            places.native,
            list(routes.items()),
            time.monotonic(),
            (self._settled, places.leave, panicked),
        )
        self.clear = self.native.clear
        self.flush = self.native.flush
        self.stop = self.native.stop

    def open(self, is_open: bool) -> None:
        """Carry requests, or no more."""
        self.native.open(is_open and self._usable())

    def install(self, errand: Errand, decision: Decision, tag: object) -> bool:
        """Let a decision stand."""
        timeouts, stream = decision.timeouts, decision.stream
        streaming = None
        if stream is not None:
            silences = stream.keepalive_interval, stream.idle_timeout, stream.content_timeout
            streaming = (*silences, decision.patience, stream.frame_limit)
        given = (
            decision.url,
            _native.Headers(decision.headers),
            list(decision.own),
            prepared(decision.request),
            decision.answer.reasoning,
            decision.answer.model,
            streaming,
            (timeouts.connect, timeouts.first_byte, timeouts.idle),
            list(decision.rewrites),
            decision.noted,
            decision.strict,
        )
        return cast("_native.Errand", errand).install(given, decision.counted, decision.until, tag)

    def reply(self, errand: Errand) -> NativeUpstream | Literal["stopped"] | None:
        """Return what came of a call."""
        reply = cast("_native.Errand", errand).reply()
        if isinstance(reply, _native.Upstream):
            return self._client.adopted(reply)
        if reply == "panicked":
            self._panicked()
            # Whether it was sent is not known, so it is not repeated.
            raise ConnectionLost("internal error of the gateway; try again")
        return "stopped" if reply == "stopped" else None

    def running(self) -> Sequence[RunningStream]:
        """Return the streams that are carried now."""
        return [
            RunningStream(number, tag, agent, age * 1000, silent, events, size)
            for number, tag, agent, age, events, size, silent in self.native.running()
        ]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Decisions, requests that were carried, and those that came back."""
        return self.native.counts

    async def aclose(self) -> None:
        """Tell of what is over, and stop."""
        runtime, self._runtime = self._runtime, None
        if runtime is None:
            return
        self.native.open(False)
        try:
            for _ in range(ENDING):
                if not self.native.outstanding:
                    break
                # Their connections are closed: a thread of tokio is about to notice.
                await asyncio.sleep(LOOK)
        finally:
            self.native.close()
            detach(runtime)

    def _settled(
        self, records: list[tuple[Any, ...]], looks: int, translations: int, seconds: float, longest: float
    ) -> None:
        self._timed("validation", looks, 0.0, 0.0)
        self._timed("translation", translations, seconds, longest)
        for number, record in enumerate(records):
            if record[-1] is not None:
                records[number] = (*record[:-1], self._client.summary(record[-1]))
        self._listener(cast("list[Settled]", records))
