"""Minimum interval between requests that are sent: compat.md 3.9 with D-H19 cured; or a token bucket.

Both are one algorithm (GCRA, the virtual scheduling of ITU-T I.371): what is kept is the time at which the
next request would come if all came an interval apart. A request may come earlier by the interval for each
further request of the burst; without a burst none may.
"""

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
    """One admitted request; remembers the schedule before and after it, so that it can be given back."""

    __slots__ = ("_after", "_before", "_limiter")

    def __init__(self, limiter: ReferenceLimiter | None, before: float | None, after: float) -> None:
        self._limiter = limiter
        self._before = before
        self._after = after

    def withdraw(self) -> None:
        """Give the slot back if nobody was admitted since."""
        if self._limiter is not None:
            self._limiter.restore(self._before, self._after)
            self._limiter = None


class ReferenceLimiter:
    """Admits one request every `interval` seconds; None or 0 and below admits all.

    `wait` makes early requests wait in order, `interval` apart; otherwise they are refused. After a pause
    `burst` requests may come at once. The clock is monotonic seconds.
    """

    def __init__(
        self, interval: float | None, wait: bool, burst: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval if interval is not None and interval > 0 else None
        self._tolerance = (self._interval or 0.0) * (max(burst, 1) - 1)
        self._wait = wait
        self._clock = clock
        self._due: float | None = None
        self._queue: deque[asyncio.Future[ReferenceAdmission]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def admit(self) -> ReferenceAdmission:
        """Admit, wait, or raise :class:`RateLimited` with the whole seconds to wait."""
        if self._interval is None:
            return ReferenceAdmission(None, None, 0.0)
        remaining = self._remaining()
        if remaining <= 0 and not self._queue:
            return self._take(self._interval)
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

    def restore(self, before: float | None, after: float) -> None:
        """Undo the admission that made the schedule `after`, unless a later one was made."""
        if self._due == after:
            self._due = before
            self._arm()

    def _remaining(self) -> float:
        return 0.0 if self._due is None else self._due - self._tolerance - self._clock()

    def _take(self, interval: float) -> ReferenceAdmission:
        before, now = self._due, self._clock()
        self._due = (now if before is None else max(before, now)) + interval
        return ReferenceAdmission(self, before, self._due)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._remaining()), self._release)

    def _release(self) -> None:
        self._timer = None
        if self._interval is None or self._remaining() > 0:
            self._arm()
            return
        # The slot is taken on the waiter's behalf: its task runs later, and nobody may slip in between.
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(self._take(self._interval))
                break
        self._arm()
