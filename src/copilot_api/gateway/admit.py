"""May this request run: concurrency, rate limit, the person at the terminal."""

from __future__ import annotations

import time
from typing import Protocol

from copilot_api.engine.interfaces import Concurrency, Leg, Limiter, NoPlace, RateLimited
from copilot_api.gateway.errors import ApprovalRefused, Overloaded, RateLimitHit
from copilot_api.gateway.failures import current


class Approver(Protocol):
    """Asks the person at the terminal (compat.md 3.10)."""

    async def ask(self, text: str) -> bool:
        """Return the answer; cancelling the call withdraws the question (D-S6)."""


class Gate:
    """Places for requests in flight; those beyond are refused, at once or after a wait (R-60).

    Who has taken a place, by `try_enter` or :meth:`wait`, gives it back by `leave`.
    """

    def __init__(self, places: Concurrency, limit: int) -> None:
        self._places = places
        self._limit = limit
        # Called for each request: bound here, without a frame of Python between.
        self.try_enter = places.try_enter
        self.leave = places.leave

    @property
    def in_flight(self) -> int:
        """Requests that hold a place."""
        return self._places.in_flight

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._places.waiting

    async def wait(self) -> None:
        """Take a place after `try_enter` found none. Raises :class:`Overloaded`."""
        try:
            await self._places.wait()
        except NoPlace:
            raise Overloaded(self._limit) from None


class Admission:
    """Rate limit and approval for what chats (compat.md 3.9, 3.10)."""

    def __init__(self, limiter: Limiter | None, approver: Approver | None) -> None:
        self._limiter = limiter
        self._approver = approver
        self.waiting = 0
        """Requests that wait now: for a slot, or for the person."""

    def adopt(self, limiter: Limiter | None) -> None:
        """Ask another limiter from the next request on; who waits at the old one is let in by it (R-54)."""
        self._limiter = limiter

    async def admit(self, leg: Leg) -> None:
        """Admit one request, which is sent next on a leg; one that is refused uses up no slot (D-H19).

        Raises :class:`RateLimitHit` or :class:`ApprovalRefused`.
        """
        if leg == "embeddings" or (self._limiter is None and self._approver is None):
            return
        asked = time.monotonic()
        self.waiting += 1
        try:
            await self._admit()
        finally:
            self.waiting -= 1
            trace = current()
            if trace is not None:
                trace.elsewhere += time.monotonic() - asked

    async def _admit(self) -> None:
        slot = None
        if self._limiter is not None:
            try:
                slot = await self._limiter.admit()
            except RateLimited as limited:
                raise RateLimitHit(limited.wait) from None
        try:
            if self._approver is not None and not await self._approver.ask("Accept incoming request?"):
                raise ApprovalRefused
        except BaseException:
            if slot is not None:
                slot.withdraw()
            raise
