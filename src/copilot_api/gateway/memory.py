"""``--memory-limit``: refuse new requests before the system ends the process for its memory (R-60)."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress

from copilot_api.gateway.errors import OutOfMemory

logger = logging.getLogger("copilot_api.gateway")

LOOKS = 0.1
"""Seconds between two looks at the memory, however many requests come."""
RETURNS = 1.0
"""Seconds between two attempts to give memory back."""


class MemoryLimit:
    """Refuses requests while the process holds more than `limit` bytes; what runs goes on.

    `resident` gives the bytes that are held, `give_back` returns to the system what is free already: an
    allocator keeps freed memory, which would refuse requests for ever. The clock is monotonic seconds.
    """

    def __init__(
        self,
        limit: int,
        resident: Callable[[], int] | None = None,
        give_back: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._resident = resident or resident_bytes
        self._give_back = give_back or give_back_free_memory
        self._clock = clock
        self._looked = self._returned = -math.inf
        self._is_over = False

    def check(self) -> None:
        """Raise :class:`OutOfMemory` when too much is held."""
        now = self._clock()
        if now - self._looked >= LOOKS:
            self._looked = now
            self._look(now)
        if self._is_over:
            raise OutOfMemory(self._limit)

    def _look(self, now: float) -> None:
        was_over = self._is_over
        self._is_over = self._resident() > self._limit
        if self._is_over and now - self._returned >= RETURNS:
            self._returned = now
            self._give_back()
            self._is_over = self._resident() > self._limit
        if self._is_over and not was_over:
            logger.warning("More than %d bytes of memory are in use: new requests get 503", self._limit)


def resident_bytes() -> int:
    """Return the bytes of memory that the process holds; 0 when the system does not say."""
    # The second number of statm: resident pages (proc_pid_statm(5)).
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - asked ten times a second
            return int(file.read(64).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def give_back_free_memory() -> None:
    """Let the C library return freed memory to the system; without glibc nothing happens."""
    # Loaded only where a limit was set and is passed: ctypes takes a megabyte.
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
