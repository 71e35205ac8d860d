"""The limiter: its steps are Rust's, its waiting is asyncio's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from copilot_api import _native
from copilot_api.engine.interfaces import RateLimited

_log = logging.getLogger("copilot_api.limiter")


class NativeAdmission:
    """One admitted request."""

    __slots__ = ("_admission", "_limiter")

    def __init__(self, limiter: NativeLimiter, admission: _native.Admission) -> None:
        self._limiter: NativeLimiter | None = limiter
        self._admission = admission

    def withdraw(self) -> None:
        """Give the slot back if nobody was admitted since."""
        if self._limiter is not None:
            self._limiter.give_back(self._admission)
            self._limiter = None


class NativeLimiter:
    """Implements :class:`copilot_api.engine.interfaces.Limiter`; the clock is monotonic seconds."""

    def __init__(
        self, interval: float | None, wait: bool, burst: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state = _native.Limiter(interval, wait, burst)
        self._clock = clock
        self._waiting: dict[int, asyncio.Future[NativeAdmission]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def admit(self) -> NativeAdmission:
        """Admit, wait, or raise :class:`RateLimited` with the whole seconds to wait."""
        admission, ticket, seconds = self._state.admit(self._clock())
        if admission is not None:
            return NativeAdmission(self, admission)
        if ticket is None:
            _log.warning("Rate limit exceeded. Need to wait %d more seconds.", seconds)
            raise RateLimited(seconds)
        _log.warning("Rate limit reached. Waiting %d seconds before proceeding...", seconds)
        turn: asyncio.Future[NativeAdmission] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = turn
        self._arm()
        try:
            admitted = await turn
        except asyncio.CancelledError:
            if not self._state.leave(ticket) and turn.done() and not turn.cancelled():
                turn.result().withdraw()
            raise
        finally:
            self._waiting.pop(ticket, None)
        _log.info("Rate limit wait completed, proceeding with request")
        return admitted

    def give_back(self, admission: _native.Admission) -> None:
        """Undo an admission, unless a later one was made."""
        if self._state.withdraw(admission):
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay = self._state.delay(self._clock())
        if delay is not None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._release)

    def _release(self) -> None:
        self._timer = None
        while (released := self._state.release(self._clock())) is not None:
            ticket, admission = released
            turn = self._waiting.get(ticket)
            if turn is not None and not turn.done():
                turn.set_result(NativeAdmission(self, admission))
                break
            self._state.withdraw(admission)
        self._arm()
