"""Readers that stop, and streams that are silent: what the gateway holds for them (R-33)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.instrumented import InstrumentedGateway, ask
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import Script, ScriptedUpstream
from tests.support.upstream_steps import event, frame, head, hold, hose

CHAT = "/chat/completions"
MIB = 1024 * 1024
SMALL_BUFFER = 64 * 1024
UNIT = event("x" * 4000)


@dataclass(frozen=True, slots=True)
class Held:
    """What was measured while streams were held: bytes."""

    streams: int
    grown: int
    most_sent: int
    """Of one stream, by upstream."""

    @property
    def each(self) -> int:
        """Resident bytes a stream."""
        return self.grown // self.streams


@contextlib.contextmanager
def fire_hose(
    gateway: InstrumentedGateway, upstream: ScriptedUpstream, count: int, total: int
) -> Iterator[Held]:
    """Let upstream send `total` bytes to each of `count` clients that read nothing."""
    with _held(gateway, upstream, count, (head(), hose(UNIT, total)), "stalled") as held:
        yield held


@contextlib.contextmanager
def silent_streams(gateway: InstrumentedGateway, upstream: ScriptedUpstream, count: int) -> Iterator[Held]:
    """Hold streams that have begun and say nothing more."""
    script = (head(), *(frame(f"piece {number} ") for number in range(20)), hold("stalled"))
    with _held(gateway, upstream, count, script, "stalled") as held:
        yield held


@contextlib.contextmanager
def _held(
    gateway: InstrumentedGateway, upstream: ScriptedUpstream, count: int, script: Script, mark: str
) -> Iterator[Held]:
    upstream.forget()
    upstream.always(CHAT, *script)
    before = gateway.resident()
    connections: list[RawConnection] = []
    try:
        for number in range(count):
            connection = gateway.connect(receive_buffer=SMALL_BUFFER, timeout=60)
            connections.append(connection)
            ask(connection, "chat")
            upstream.attempt(CHAT, number)
        attempts = upstream.attempts(CHAT)
        for attempt in attempts:
            attempt.reached(mark)
        yield Held(count, gateway.resident() - before, max(attempt.sent for attempt in attempts))
    finally:
        for connection in connections:
            connection.abort()
    for attempt in upstream.attempts(CHAT):
        attempt.closed()
    gateway.wait_until_idle()
