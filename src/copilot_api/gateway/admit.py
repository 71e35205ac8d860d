"""May this request run: concurrency, rate limit, the person at the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from copilot_api.engine.interfaces import Limiter, RateLimited, RequestFacts
from copilot_api.gateway.errors import ApprovalRefused, Overloaded, RateLimitHit


class Approver(Protocol):
    """Asks the person at the terminal (compat.md 3.10)."""

    async def ask(self, text: str) -> bool:
        """Return the answer; cancelling the call withdraws the question (D-S6)."""


class Gate:
    """Counts requests in flight and refuses those beyond the limit at once (R-60)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold one place. Raises :class:`Overloaded`."""
        if self.in_flight >= self._limit:
            raise Overloaded(self._limit)
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


class Admission:
    """Rate limit and approval for the dialects that have them: chat and messages (compat.md 3.9, 3.10)."""

    def __init__(self, limiter: Limiter, approver: Approver | None) -> None:
        self._limiter = limiter
        self._approver = approver

    @asynccontextmanager
    async def admit(self, facts: RequestFacts) -> AsyncIterator[None]:
        """Admit one request, which the block then sends; a request not sent uses up no slot (D-H19).

        Raises :class:`RateLimitHit` or :class:`ApprovalRefused`.
        """
        if facts.dialect == "embeddings":
            yield
            return
        try:
            slot = await self._limiter.admit()
        except RateLimited as limited:
            raise RateLimitHit(limited.wait) from None
        try:
            if self._approver is not None and not await self._approver.ask("Accept incoming request?"):
                raise ApprovalRefused
        except BaseException:
            slot.withdraw()
            raise
        yield
