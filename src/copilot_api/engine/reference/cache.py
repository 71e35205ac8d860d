"""Whole answers that are kept, and requests that wait for equal ones.

Eviction is S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), with weights
instead of counts. A new entry comes into a small queue. When it reaches the end of it, it goes on into the
main queue if it was asked for meanwhile, and out otherwise, so that a crowd asked for once drives out nothing
else. A key that went out of the small queue is remembered for a while and comes into the main queue the next
time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from copilot_api.engine.cache_interfaces import (
    CACHE_OVERHEAD,
    CACHE_PATIENCE,
    CACHE_WAITERS,
    CachedAnswer,
    CacheLookup,
    CacheOptions,
    CacheStatistics,
    CacheWakes,
)
from copilot_api.engine.interfaces import RequestBody
from copilot_api.engine.reference.cache_key import cache_key

SMALL_SHARE = 10
"""The share of the limit that new entries may take: a tenth, as in the paper."""
MOST_USES = 3
"""A counter of two bits, as in the paper."""

_Queue = OrderedDict[bytes, None]


@dataclass(slots=True)
class _Entry:
    answer: CachedAnswer
    weight: int
    stored: float
    uses: int
    is_main: bool


class _Store:
    """Entries bounded in bytes."""

    def __init__(self, options: CacheOptions) -> None:
        self._limit = options.limit
        self._time_to_live = options.time_to_live
        self.entries: OrderedDict[bytes, _Entry] = OrderedDict()
        """In order of age."""
        self._small: _Queue = OrderedDict()
        self._main: _Queue = OrderedDict()
        self._ghosts: _Queue = OrderedDict()
        """Keys that went out of the small queue, at most as many as there are entries."""
        self.bytes = 0
        self._small_bytes = 0
        self.evictions = 0
        self.expirations = 0

    def sweep(self, now: float) -> None:
        """Remove what is too old. All live as long, so the oldest is over first."""
        if self._time_to_live <= 0:
            return
        while self.entries:
            key, entry = next(iter(self.entries.items()))
            if now - entry.stored < self._time_to_live:
                break
            self._remove(key)
            self.expirations += 1
        self._trim_ghosts()

    def put(self, key: bytes, answer: CachedAnswer, now: float) -> None:
        """Keep an answer in place of an older one, if it fits at all."""
        weight = answer.weight + CACHE_OVERHEAD
        old = self._remove(key)
        if weight <= self._limit:
            while self.bytes + weight > self._limit:
                self._evict()
            is_main = key in self._ghosts or (old is not None and old.is_main)
            self._ghosts.pop(key, None)
            self.entries[key] = _Entry(answer, weight, now, 0, is_main)
            self.bytes += weight
            if is_main:
                self._main[key] = None
            else:
                self._small[key] = None
                self._small_bytes += weight
        self._trim_ghosts()

    def _remove(self, key: bytes) -> _Entry | None:
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.weight
            if entry.is_main:
                del self._main[key]
            else:
                del self._small[key]
                self._small_bytes -= entry.weight
        return entry

    def _evict(self) -> None:
        """Take one step towards more room: an entry goes out, or on, or back with one use less."""
        small_is_due = not self._main or self._small_bytes * SMALL_SHARE > self._limit
        key = next(iter(self._small if small_is_due and self._small else self._main))
        entry = self.entries[key]
        if entry.uses == 0:
            self._remove(key)
            self.evictions += 1
            if not entry.is_main:
                self._ghosts[key] = None
        elif entry.is_main:
            entry.uses -= 1
            self._main.move_to_end(key)
        else:
            entry.uses = 0
            entry.is_main = True
            del self._small[key]
            self._small_bytes -= entry.weight
            self._main[key] = None

    def _trim_ghosts(self) -> None:
        while len(self._ghosts) > len(self.entries):
            self._ghosts.popitem(last=False)


_Role = Literal["lead", "wait", "alone"]


@dataclass(slots=True)
class _Flight:
    """Equal requests: one leads, the others wait for it, each since some time."""

    waiters: dict[int, float] = field(default_factory=dict)


class ReferenceResponseCache:
    """See :class:`copilot_api.engine.cache_interfaces.ResponseCache`; the clock is monotonic seconds."""

    def __init__(
        self,
        options: CacheOptions,
        clock: Callable[[], float] = time.monotonic,
        patience: float = CACHE_PATIENCE,
        waiters: int = CACHE_WAITERS,
    ) -> None:
        self._store = _Store(options)
        self._clock = clock
        self._patience = patience
        self._most_waiters = waiters
        self._flights: dict[bytes, _Flight] = {}
        self._tickets: dict[int, tuple[bytes, _Role]] = {}
        self._waiting = 0
        self._hits = self._misses = self._coalesced = 0

    def key(self, body: RequestBody, dialect: str, scope: tuple[str, ...]) -> bytes | None:
        """Return the key of a request; None when it may not be cached."""
        return cache_key(bytes(body), dialect, scope)

    def begin(self, key: bytes, ticket: int, max_age: float | None = None) -> CacheLookup:
        """Look a request up."""
        now = self._clock()
        self._store.sweep(now)
        if max_age is not None and max_age <= 0:
            role: _Role = "alone"
        else:
            entry = self._store.entries.get(key)
            if entry is not None and (max_age is None or now - entry.stored <= max_age):
                entry.uses = min(entry.uses + 1, MOST_USES)
                self._hits += 1
                return CacheLookup("hit", entry.answer, now - entry.stored)
            role = self._join(key, ticket, now)
        self._tickets[ticket] = (key, role)
        if role != "wait":
            self._misses += 1
        return CacheLookup(role)

    def settle(self, ticket: int, answer: CachedAnswer | None) -> CacheWakes:
        """End a request."""
        now = self._clock()
        self._store.sweep(now)
        if ticket not in self._tickets:
            return CacheWakes()
        key, role = self._tickets.pop(ticket)
        if answer is not None:
            self._store.put(key, answer, now)
        if role == "lead":
            waiters = self._flights.pop(key).waiters
            self._waiting -= len(waiters)
            return self._hand_over(key, waiters, now) if answer is None else self._serve(waiters)
        if role == "wait" and self._flights[key].waiters.pop(ticket, None) is not None:
            self._waiting -= 1
        return CacheWakes()

    def statistics(self) -> CacheStatistics:
        """Return the counters."""
        self._store.sweep(self._clock())
        return CacheStatistics(
            hits=self._hits,
            misses=self._misses,
            coalesced=self._coalesced,
            evictions=self._store.evictions,
            expirations=self._store.expirations,
            entries=len(self._store.entries),
            bytes=self._store.bytes,
            waiting=self._waiting,
        )

    def _join(self, key: bytes, ticket: int, now: float) -> _Role:
        flight = self._flights.get(key)
        if flight is None:
            self._flights[key] = _Flight()
            return "lead"
        if self._waiting >= self._most_waiters:
            return "alone"
        flight.waiters[ticket] = now
        self._waiting += 1
        return "wait"

    def _serve(self, waiters: dict[int, float]) -> CacheWakes:
        for ticket in waiters:
            del self._tickets[ticket]
        self._coalesced += len(waiters)
        return CacheWakes(served=tuple(waiters))

    def _hand_over(self, key: bytes, waiters: dict[int, float], now: float) -> CacheWakes:
        """Let one try again at a time, so that a failing upstream gets no herd.

        Who has waited long goes alone, so that nobody waits for the sum of all failures.
        """
        if not waiters:
            return CacheWakes()
        leader, *others = waiters
        alone = tuple(ticket for ticket in others if now - waiters[ticket] >= self._patience)
        still = {ticket: waiters[ticket] for ticket in others if now - waiters[ticket] < self._patience}
        self._tickets[leader] = (key, "lead")
        for ticket in alone:
            self._tickets[ticket] = (key, "alone")
        self._flights[key] = _Flight(still)
        self._waiting += len(still)
        self._misses += 1 + len(alone)
        return CacheWakes(leader=leader, alone=alone)
