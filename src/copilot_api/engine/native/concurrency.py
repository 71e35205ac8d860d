"""Adapter over `copilot_api._native`: places for requests in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from copilot_api import _native
from copilot_api.engine.interfaces import NoPlace


class NativeConcurrency:
    """Implements :class:`copilot_api.engine.interfaces.Concurrency`; the clock is monotonic seconds."""

    def __init__(
        self, limit: int, longest_queue: int, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.native = self._state = _native.Concurrency(limit, longest_queue, patience)
        self._clock = clock
        self._turns: dict[int, asyncio.Future[bool]] = {}
        """By ticket: true for a place, false when the waiter's time is over."""
        self._timer: asyncio.TimerHandle | None = None
        # Called for each request: bound here, without a frame of Python between.
        self.try_enter = self._state.try_enter

    @property
    def in_flight(self) -> int:
        """Places that are taken now."""
        return self._state.taken

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return self._state.waiting

    async def wait(self) -> None:
        """Wait for a place. Raises :class:`NoPlace`."""
        ticket = self._state.queue(self._clock())
        if ticket is None:
            raise NoPlace
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._turns[ticket] = turn
        self._arm()
        try:
            entered = await turn
        except asyncio.CancelledError:
            if not self._state.give_up(ticket) and turn.done() and not turn.cancelled() and turn.result():
                self.leave()
            raise
        finally:
            self._turns.pop(ticket, None)
        if not entered:
            raise NoPlace

    def leave(self) -> None:
        """Give a place back; it passes to the first waiter."""
        while (ticket := self._state.leave()) is not None:
            turn = self._turns.get(ticket)
            if turn is not None and not turn.done():
                turn.set_result(True)
                return

    def _arm(self) -> None:
        # One timer for the first waiter: all wait as long, so the first is over first.
        if self._timer is None:
            delay = self._state.delay(self._clock())
            if delay is not None:
                self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        while (ticket := self._state.expire(self._clock())) is not None:
            turn = self._turns.get(ticket)
            if turn is not None and not turn.done():
                turn.set_result(False)
        self._arm()
