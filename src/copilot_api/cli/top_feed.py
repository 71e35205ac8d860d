"""What `top` shows, gathered from the running gateway: live events, and a look at the ledger now and then."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any, Self

from copilot_api.cli.gateway_client import GatewayLink, GatewayProblem, Unreachable
from copilot_api.records import record, replace

RECENT = 100
"""Requests that are asked for: of these those of the last minute are counted."""
_PERIOD = 2.0
"""Seconds between two looks at the ledger."""
_RETRY = 1.0
_FAILURES = re.compile(r'^copilot_api_failures_total\{class="(\w+)"[^}]*\} ([0-9.]+)', re.MULTILINE)
_MINUTE = 60.0


@record
class Look:
    """One look at a gateway. What could not be had is empty."""

    version: str = ""
    live: Mapping[str, Any] | None = None
    overview: Mapping[str, Any] | None = None
    quota: Mapping[str, Any] | None = None
    recent: tuple[Mapping[str, Any], ...] = ()
    failures: Mapping[str, int] | None = None
    """By class, since the gateway's start."""
    problem: str = ""
    """Why nothing new comes; what is shown is old then."""


def requests_per_minute(look: Look, now: float) -> tuple[int, bool]:
    """Return how many requests were over within the last minute, and whether there were more."""
    count = sum(each["at"] + each["duration_ms"] / 1000 > now - _MINUTE for each in look.recent)
    return count, count == RECENT


def with_rates(event: Mapping[str, Any], *, first: bool) -> dict[str, Any]:
    """Return a live event with tokens and tokens per second for each stream.

    The first event's rates are over no time at all: there the mean since the stream began is told.
    """
    streams = []
    for each in event["streams"]:
        tokens = each.get("tokens", each["events"])
        seconds = max(each["age_ms"] / 1000, 0.001)
        rate = round(tokens / seconds, 1) if first else each["rate"]
        streams.append({**each, "tokens": tokens, "rate": rate})
    return {**event, "streams": streams}


def one_look(gateway: GatewayLink) -> Look:
    """Ask once for everything. Raises :class:`GatewayProblem`."""
    look = _ledger_look(gateway, Look())
    event = next(gateway.events("/dashboard/api/live"), None)
    if event is None:
        raise Unreachable(f"the gateway at {gateway.place} is stopping")
    quota = gateway.ask("/dashboard/api/quota")
    return replace(look, live=with_rates(event, first=True), quota=quota)


def _ledger_look(gateway: GatewayLink, before: Look) -> Look:
    failures = {name: int(float(count)) for name, count in _FAILURES.findall(gateway.text("/metrics"))}
    return replace(
        before,
        version=gateway.ask("/dashboard/api/about")["version"],
        overview=gateway.ask("/dashboard/api/overview"),
        recent=tuple(gateway.ask(f"/dashboard/api/requests?limit={RECENT}")["requests"]),
        failures=failures,
    )


class Feed:
    """Two threads that keep a look up to date, over restarts of the gateway too; use as a context manager."""

    def __init__(self, gateway: GatewayLink) -> None:
        self._gateway = gateway
        self._lock = threading.Lock()
        self._look = Look()
        self._stopping = threading.Event()

    @property
    def look(self) -> Look:
        """What is known now."""
        with self._lock:
            return self._look

    def __enter__(self) -> Self:
        for target in (self._follow, self._poll):
            # Daemons: a socket that is read from is not waited for at the end.
            threading.Thread(target=target, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()

    def _put(self, **changes: Any) -> None:
        with self._lock:
            self._look = replace(self._look, **changes)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                first = True
                for event in self._gateway.events("/dashboard/api/live"):
                    self._put(live=with_rates(event, first=first), problem="")
                    first = False
                    if self._stopping.is_set():
                        return
                self._put(live=None, problem="the gateway has stopped; waiting for it")
            except GatewayProblem as problem:
                self._put(live=None, problem=str(problem))
            self._stopping.wait(_RETRY)

    def _poll(self) -> None:
        seen, asked = None, float("-inf")
        while not self._stopping.is_set():
            live = self.look.live or {}
            # What is written since, and what failed: while these stay there is nothing new to ask for.
            state = (live.get("written"), live.get("failed"))
            if state == seen and None not in state and time.monotonic() - asked < _MINUTE:
                self._stopping.wait(_RETRY)
                continue
            try:
                fresh = _ledger_look(self._gateway, self.look)
                self._put(
                    version=fresh.version,
                    overview=fresh.overview,
                    recent=fresh.recent,
                    failures=fresh.failures,
                )
                seen, asked = state, time.monotonic()
                # Last, since GitHub may take its time; the gateway asks it once a minute.
                self._put(quota=self._gateway.ask("/dashboard/api/quota"))
            except GatewayProblem:
                self._stopping.wait(_RETRY)  # the other thread says so
            else:
                self._stopping.wait(_PERIOD)
