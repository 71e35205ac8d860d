"""So many requests at once, and a queue for those beyond: first come, first served, for a time (R-60)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from copilot_api.engine.interfaces import NoPlace


class ReferenceConcurrency:
    """See :class:`copilot_api.engine.interfaces.Concurrency`; the clock is monotonic seconds.

    While somebody waits all places are taken, so nobody can slip in before a waiter.
    """

    def __init__(
        self, limit: int, longest_queue: int, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._longest_queue = longest_queue if patience > 0 else 0
        self._patience = patience
        self._clock = clock
        self._taken = 0
        self._queue: deque[tuple[asyncio.Future[bool], float]] = deque()
        """Each waiter's turn, true for a place and false when its time is over, and its deadline."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """Places that are taken now."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return len(self._queue)

    def try_enter(self) -> bool:
        """Take a place if there is one."""
        if self._taken < self._limit:
            self._taken += 1
            return True
        return False

    async def wait(self) -> None:
        """Wait for a place. Raises :class:`NoPlace`."""
        if len(self._queue) >= self._longest_queue:
            raise NoPlace
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiter = (turn, self._clock() + self._patience)
        self._queue.append(waiter)
        self._arm()
        try:
            entered = await turn
        except asyncio.CancelledError:
            if waiter in self._queue:
                self._queue.remove(waiter)
            elif turn.done() and not turn.cancelled() and turn.result():
                self.leave()
            raise
        if not entered:
            raise NoPlace

    def leave(self) -> None:
        """Give a place back; it passes to the first waiter."""
        while self._queue:
            turn, _ = self._queue.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self._taken -= 1

    def _arm(self) -> None:
        # One timer for the first waiter: all wait as long, so the first is over first.
        if self._timer is None and self._queue:
            delay = max(0.0, self._queue[0][1] - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        while self._queue and self._queue[0][1] <= self._clock():
            turn, _ = self._queue.popleft()
            if not turn.done():
                turn.set_result(False)
        self._arm()
