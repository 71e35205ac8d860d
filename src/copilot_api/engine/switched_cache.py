"""The native response cache with a way back: when it fails, an empty reference takes its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from copilot_api.engine.cache_interfaces import (
    CachedAnswer,
    CacheLookup,
    CacheStatistics,
    CacheWakes,
    ResponseCache,
)
from copilot_api.engine.interfaces import EngineError, RequestBody
from copilot_api.engine.switch import Switch

T = TypeVar("T")


class SwitchedResponseCache:
    """See :class:`copilot_api.engine.cache_interfaces.ResponseCache`.

    Entries and tickets are lost with the implementation that failed: `lost` is called, so that those that
    wait can ask for themselves.
    """

    def __init__(
        self,
        switch: Switch,
        native: ResponseCache,
        make_reference: Callable[[], ResponseCache],
        lost: Callable[[], None],
    ) -> None:
        self._switch, self._inner = switch, native
        self._make_reference = make_reference
        self._lost = lost

    def key(self, body: RequestBody, dialect: str, scope: tuple[str, ...]) -> bytes | None:
        """Return the key of a request; None when it may not be cached."""
        return self._call(lambda cache: cache.key(body, dialect, scope))

    def begin(self, key: bytes, ticket: int, max_age: float | None = None) -> CacheLookup:
        """Look a request up."""
        return self._call(lambda cache: cache.begin(key, ticket, max_age))

    def settle(self, ticket: int, answer: CachedAnswer | None) -> CacheWakes:
        """End a request."""
        return self._call(lambda cache: cache.settle(ticket, answer))

    def statistics(self) -> CacheStatistics:
        """Return the counters, which begin anew with the reference."""
        return self._call(lambda cache: cache.statistics())

    def _call(self, call: Callable[[ResponseCache], T]) -> T:
        if self._switch.mode == "native":
            try:
                return self._switch.timed("native", lambda: call(self._inner))
            except EngineError:
                raise
            except BaseException as error:
                self._switch.failed(error)
                self._inner = self._make_reference()
                self._lost()
        return self._switch.timed("reference", lambda: call(self._inner))
