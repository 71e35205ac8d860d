"""The reference relay: one upstream body through one translator to one client.

It reads only when it is asked for bytes, so a client that stops reading stops upstream (R-33).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

from copilot_api.engine.client_interfaces import Outcome, Progress, RelaySummary
from copilot_api.engine.interfaces import StreamEnd, StreamPlan, StreamTranslator, UpstreamError

_OUTCOMES: dict[StreamEnd, Outcome] = {
    "cut": "upstream_failed",
    "too_large": "upstream_failed",
    "idle": "deadline",
    "shutdown": "shutdown",
    "cancelled": "cancelled",
}


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    """Return the next bytes, empty at the end."""
    async for chunk in chunks:
        if chunk:
            return chunk
    return b""


def _keep(kept: bytearray, piece: bytes, limit: int) -> None:
    if len(kept) < limit:
        kept += piece[: limit - len(kept)]


class ReferenceRelay:
    """See :class:`copilot_api.engine.client_interfaces.Relay`. Times are monotonic seconds."""

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        close: Callable[[], Awaitable[None]],
        translator: StreamTranslator,
        plan: StreamPlan,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chunks = chunks
        self._close = close
        self._translator = translator
        self._plan = plan
        self._clock = clock
        self._pending: asyncio.Task[bytes] | None = None
        self._stop: asyncio.Future[StreamEnd] = asyncio.get_running_loop().create_future()
        self._ready: list[bytes] = []
        self._over = False
        self._summary: RelaySummary | None = None
        self._began = self._heard = self._content = self._told = clock()
        self._away: float | None = None
        self._first_byte: float | None = None
        self._bytes_in = self._bytes_out = self._events = 0
        self._came, self._went = bytearray(), bytearray()
        """What passed, where it is to be kept."""

    native = None

    @property
    def summary(self) -> RelaySummary | None:
        """Set when the relay is over."""
        return self._summary

    def progress(self) -> Progress:
        """Return how far it has come."""
        return Progress(self._events, self._bytes_out, (self._clock() - self._content) * 1000)

    def captured(self) -> tuple[bytes, bytes] | None:
        """Return what passed, where it was kept."""
        if self._summary is None or not self._plan.capture:
            return None
        return bytes(self._came), bytes(self._went)

    async def first(self) -> None:
        """Judge the first frame; return early when the upstream stays silent."""
        while not self._over and not self._ready:
            piece = await self._step(hold=True)
            if self._translator.refusal is not None:
                raise self._translator.refusal
            if piece is None:
                return
            if piece:
                self._ready.append(piece)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return self; the relay is consumed once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes for the client, never empty."""
        while True:
            if self._ready:
                piece = self._ready.pop(0)
            elif self._over:
                raise StopAsyncIteration
            else:
                self._come_back()
                piece = await self._step(hold=False) or b""
            if piece:
                self._told = self._away = self._clock()
                return piece

    def _come_back(self) -> None:
        # While the client did not read we did not either: that time is no silence of upstream's.
        if self._away is not None:
            gone = self._clock() - self._away
            self._heard += gone
            self._content += gone
            self._away = None

    def cancel(self, outcome: Literal["cancelled", "shutdown"]) -> None:
        """Make the next step end the stream with an in-band error."""
        if not self._stop.done():
            self._stop.set_result(outcome)

    async def aclose(self) -> None:
        """The client is gone, or the relay is thrown away."""
        if not self._over:
            await self._finish("client_gone")

    async def _step(self, *, hold: bool) -> bytes | None:
        """Wait for one thing to happen and return the bytes it gives; None ends holding the head."""
        if self._stop.done():
            return await self._end(self._stop.result())
        if self._pending is None:
            self._pending = asyncio.create_task(_read(self._chunks))
        watched: set[asyncio.Future[Any]] = {self._pending, self._stop}
        await asyncio.wait(
            watched,
            timeout=self._patience(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._pending.done():
            return await self._take()
        if self._stop.done():
            return await self._end(self._stop.result())
        return await self._silence(hold=hold)

    async def _take(self) -> bytes:
        assert self._pending is not None  # noqa: S101 - only called when a read is done
        task, self._pending = self._pending, None
        try:
            chunk = task.result()
        except UpstreamError as error:
            return await self._end("cut", str(error))
        if not chunk:
            return await self._end("end")
        self._heard = self._clock()
        if self._first_byte is None:
            self._first_byte = self._heard
        self._bytes_in += len(chunk)
        _keep(self._came, chunk, self._plan.capture)
        out = self._translator.feed(chunk)
        self._made(out)
        events = self._translator.facts.events
        if events != self._events:
            self._events = events
            self._content = self._heard
        if self._translator.done:
            failed = self._translator.facts.error is not None or self._translator.refusal is not None
            await self._finish("upstream_failed" if failed else "completed")
        elif self._plan.content_timeout and self._heard - self._content >= self._plan.content_timeout:
            # Comments that come without a pause leave no silence in which the clock is looked at.
            out += await self._end_without_content()
        return out

    def _made(self, out: bytes) -> None:
        self._bytes_out += len(out)
        _keep(self._went, out, self._plan.capture)

    async def _silence(self, *, hold: bool) -> bytes | None:
        now, plan = self._clock(), self._plan
        if plan.idle_timeout and now - self._heard >= plan.idle_timeout:
            return await self._end("idle", f"upstream was silent for {plan.idle_timeout:g} s")
        if plan.content_timeout and now - self._content >= plan.content_timeout:
            return await self._end_without_content()
        if plan.keepalive_interval and now - self._told >= plan.keepalive_interval:
            self._told = now
            frame = self._translator.keep_alive()
            self._made(frame)
            if hold:
                # The head goes out now, and this with it: what fails from here on fails in-band.
                self._ready.append(frame)
                return None
            return frame
        return b""

    def _patience(self) -> float | None:
        plan, limits = self._plan, []
        if plan.idle_timeout:
            limits.append(self._heard + plan.idle_timeout)
        if plan.content_timeout:
            limits.append(self._content + plan.content_timeout)
        if plan.keepalive_interval:
            limits.append(self._told + plan.keepalive_interval)
        return max(0.0, min(limits) - self._clock()) if limits else None

    async def _end_without_content(self) -> bytes:
        limit = self._plan.content_timeout
        return await self._end("idle", f"upstream sent no content for {limit:g} s")

    async def _end(self, end: StreamEnd, message: str = "") -> bytes:
        out = self._translator.finish(end, message)
        self._made(out)
        failed = self._translator.facts.error is not None or self._translator.refusal is not None
        outcome: Outcome = _OUTCOMES.get(end, "upstream_failed" if failed else "completed")
        if end in ("cut", "idle", "too_large") and not failed:
            outcome = "completed"  # the answer was whole before the connection failed
        await self._finish(outcome, end)
        return out

    async def _finish(self, outcome: Outcome, end: StreamEnd | None = None) -> None:
        if self._over:
            return
        self._over = True
        now = self._clock()
        first = self._first_byte
        self._summary = RelaySummary(
            outcome=outcome,
            facts=self._translator.facts,
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            first_byte_ms=None if first is None else (first - self._began) * 1000,
            duration_ms=(now - self._began) * 1000,
            end=end,
        )
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.gather(self._pending, return_exceptions=True)
            self._pending = None
        await self._close()
