"""Minimum interval between requests that are sent: compat.md 3.9 with D-H19 cured."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable

from copilot_api.engine.interfaces import RateLimited

logger = logging.getLogger("copilot_api.limiter")


class ReferenceAdmission:
    """One admitted request; remembers the clock before it, so that it can be given back."""

    __slots__ = ("_before", "_limiter", "_stamp")

    def __init__(self, limiter: ReferenceLimiter | None, stamp: float, before: float | None) -> None:
        self._limiter = limiter
        self._stamp = stamp
        self._before = before

    def withdraw(self) -> None:
        """Give the slot back if nobody was admitted since."""
        if self._limiter is not None:
            self._limiter.restore(self._stamp, self._before)
            self._limiter = None


class ReferenceLimiter:
    """Admits one request every `interval` seconds; None or 0 and below admits all.

    `wait` makes early requests wait in order, `interval` apart; otherwise they are refused. The clock is
    monotonic seconds.
    """

    def __init__(
        self, interval: float | None, wait: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval if interval is not None and interval > 0 else None
        self._wait = wait
        self._clock = clock
        self._last: float | None = None
        self._queue: deque[asyncio.Future[ReferenceAdmission]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def admit(self) -> ReferenceAdmission:
        """Admit, wait, or raise :class:`RateLimited` with the whole seconds to wait."""
        if self._interval is None:
            return ReferenceAdmission(None, 0.0, None)
        remaining = self._remaining()
        if remaining <= 0 and not self._queue:
            return self._take()
        if not self._wait:
            seconds = max(1, math.ceil(remaining))
            logger.warning("Rate limit exceeded. Need to wait %d more seconds.", seconds)
            raise RateLimited(seconds)
        seconds = math.ceil(remaining + self._interval * len(self._queue))
        logger.warning("Rate limit reached. Waiting %d seconds before proceeding...", seconds)
        turn: asyncio.Future[ReferenceAdmission] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._arm()
        try:
            admission = await turn
        except asyncio.CancelledError:
            if turn in self._queue:
                self._queue.remove(turn)
            elif turn.done() and not turn.cancelled():
                turn.result().withdraw()
            raise
        logger.info("Rate limit wait completed, proceeding with request")
        return admission

    def restore(self, stamp: float, before: float | None) -> None:
        """Undo the admission made at `stamp`, unless a later one was made."""
        if self._last == stamp:
            self._last = before
            self._arm()

    def _remaining(self) -> float:
        if self._interval is None or self._last is None:
            return 0.0
        return self._last + self._interval - self._clock()

    def _take(self) -> ReferenceAdmission:
        before, self._last = self._last, self._clock()
        return ReferenceAdmission(self, self._last, before)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._remaining()), self._release)

    def _release(self) -> None:
        self._timer = None
        if self._remaining() > 0:
            self._arm()
            return
        # The slot is taken on the waiter's behalf: its task runs later, and nobody may slip in between.
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(self._take())
                break
        self._arm()
