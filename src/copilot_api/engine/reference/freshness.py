"""When a list that is kept is fetched anew: served while it is refreshed, one refresh at a time."""

from __future__ import annotations

import math


class ReferenceFreshness:
    """See :class:`copilot_api.engine.cache_interfaces.Freshness`.

    The list is fresh for `time_to_live` seconds; a refresh that failed is tried again after `retry_after`.
    """

    def __init__(self, time_to_live: float, retry_after: float) -> None:
        self._time_to_live = time_to_live
        self._retry_after = retry_after
        self._due = -math.inf

    @property
    def due(self) -> float:
        """The time before which :meth:`begin` is false; infinite while a refresh runs."""
        return self._due

    def begin(self, now: float) -> bool:
        """Tell whether a refresh is to be started now; if so it is taken to be under way."""
        if now < self._due:
            return False
        self._due = math.inf
        return True

    def end(self, now: float, *, refreshed: bool) -> None:
        """Note the end of a refresh, or that the list was loaded."""
        self._due = now + (self._time_to_live if refreshed else self._retry_after)
