"""Adapters over `copilot_api._native`: the response cache and the freshness of a list."""

from __future__ import annotations

import time
from collections.abc import Callable

from copilot_api import _native
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

NativeFreshness = _native.Freshness
"""Implements :class:`copilot_api.engine.cache_interfaces.Freshness`."""


class NativeResponseCache:
    """Implements :class:`copilot_api.engine.cache_interfaces.ResponseCache`.

    The clock is monotonic seconds.
    """

    def __init__(
        self,
        options: CacheOptions,
        clock: Callable[[], float] = time.monotonic,
        patience: float = CACHE_PATIENCE,
        waiters: int = CACHE_WAITERS,
    ) -> None:
        time_to_live = options.time_to_live if options.time_to_live > 0 else None
        self._state = _native.ResponseCache(options.limit, CACHE_OVERHEAD, time_to_live, patience, waiters)
        self._clock = clock

    def key(self, body: RequestBody, dialect: str, scope: tuple[str, ...]) -> bytes | None:
        """Return the key of a request; None when it may not be cached."""
        return _native.cache_key(body, dialect, list(scope))

    def begin(self, key: bytes, ticket: int, max_age: float | None = None) -> CacheLookup:
        """Look a request up."""
        return CacheLookup(*self._state.begin(key, ticket, max_age, self._clock()))

    def settle(self, ticket: int, answer: CachedAnswer | None) -> CacheWakes:
        """End a request."""
        weight = 0 if answer is None else answer.weight
        served, leader, alone = self._state.settle(ticket, answer, weight, self._clock())
        return CacheWakes(tuple(served), leader, tuple(alone))

    def statistics(self) -> CacheStatistics:
        """Return the counters."""
        return CacheStatistics(*self._state.statistics(self._clock()))
