"""What runs now, told to a page of the dashboard as it changes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot_api.dashboard import answers
from copilot_api.gateway.running import Running
from copilot_api.http.asgi import Receive, Scope, Send, start

if TYPE_CHECKING:
    from copilot_api.http.routes.dashboard import Sources

HEADERS = (
    ("content-type", "text/event-stream"),
    ("x-accel-buffering", "no"),
    ("cache-control", "no-store"),
)
TICK = 1.0
"""Seconds between two looks at what runs, while a page watches."""
PACE_AGE = 60.0
"""Seconds until the ledger is asked again how many tokens there are to a byte."""
REMINDER = 15.0
"""Seconds after which a page is told the same again, so that nothing between takes the line for dead."""


class Pace:
    """How many tokens a byte of a stream stands for, by what the ledger knows of earlier ones."""

    def __init__(self, ledger: Path | None) -> None:
        self._ledger = ledger
        self._asked = float("-inf")
        self._known: dict[tuple[str, str], float] = {}

    async def learn(self) -> None:
        """Ask the ledger, at most once a minute."""
        now = time.monotonic()
        if now - self._asked >= PACE_AGE:
            self._asked = now
            self._known = await asyncio.to_thread(answers.tokens_per_byte, self._ledger)

    def tokens(self, stream: Running, events: int, size: int) -> float:
        """Return about how many tokens so much of a stream holds: one an event where nothing is known."""
        known = self._known.get((stream.model, stream.dialect))
        return events if known is None else size * known


class Live:
    """Server-sent events of what runs: one when something changed, looked at once a second."""

    status = 200

    def __init__(self, sources: Sources, pace: Pace) -> None:
        self._sources = sources
        self._pace = pace
        self._before: Mapping[int, tuple[int, int]] = {}
        self._looked = time.monotonic()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send events until the page or the server goes away."""
        await send(start(200, HEADERS))
        said, told = "", float("-inf")
        stopping, watched = self._sources.stopping, self._sources.watched
        while not stopping.is_set() and scope["method"] != "HEAD":
            if watched.in_flight:
                await self._pace.learn()
            state = json.dumps(self._state(), separators=(",", ":"))
            if state != said or time.monotonic() - told >= REMINDER:
                said, told = state, time.monotonic()
                event = f"data: {state}\n\n".encode()
                await send({"type": "http.response.body", "body": event, "more_body": True})
            try:
                async with asyncio.timeout(TICK):
                    await stopping.wait()
            except TimeoutError:
                continue
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _state(self) -> dict[str, Any]:
        sources = self._sources
        watched = sources.watched
        streams = watched.running()
        now = time.monotonic()
        passed, self._looked = max(now - self._looked, 1e-3), now
        before, self._before = self._before, {each.number: (each.events, each.bytes) for each in streams}
        return {
            "in_flight": watched.in_flight,
            "waiting": watched.waiting,
            "places": watched.places,
            "written": sources.written()[0],
            "failed": sum(sources.failures.counts.values()),
            "streams": [self._stream(each, before.get(each.number), passed) for each in streams],
        }

    def _stream(self, stream: Running, before: tuple[int, int] | None, passed: float) -> dict[str, Any]:
        if before is None:  # first seen: its rate is that since it began
            before, passed = (0, 0), max(stream.age_ms / 1000, 1e-3)
        events, size = stream.events - before[0], stream.bytes - before[1]
        return {
            "number": stream.number,
            "model": stream.model,
            "dialect": stream.dialect,
            "client": stream.client,
            "key": stream.key,
            "age_ms": round(stream.age_ms),
            "silent_ms": round(stream.silent_ms),
            "events": stream.events,
            "tokens": round(self._pace.tokens(stream, stream.events, stream.bytes)),
            "rate": round(self._pace.tokens(stream, events, size) / passed, 1),
            "bytes": stream.bytes,
        }
