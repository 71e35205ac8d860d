"""May this request run: concurrency, rate limit, the person at the terminal."""

from __future__ import annotations

from typing import Protocol

from copilot_api.engine.interfaces import Limiter, RateLimited, RequestFacts
from copilot_api.gateway.errors import ApprovalRefused, Overloaded, RateLimitHit


class Approver(Protocol):
    """Asks the person at the terminal (compat.md 3.10)."""

    async def ask(self, text: str) -> bool:
        """Return the answer; cancelling the call withdraws the question (D-S6)."""


class Gate:
    """Counts requests in flight and refuses those beyond the limit at once (R-60).

    Entering the context takes one place and raises :class:`Overloaded` when there is none.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0

    def __enter__(self) -> None:
        if self.in_flight >= self._limit:
            raise Overloaded(self._limit)
        self.in_flight += 1

    def __exit__(self, *_: object) -> None:
        self.in_flight -= 1


class Admission:
    """Rate limit and approval for the dialects that have them: chat and messages (compat.md 3.9, 3.10)."""

    def __init__(self, limiter: Limiter | None, approver: Approver | None) -> None:
        self._limiter = limiter
        self._approver = approver

    async def admit(self, facts: RequestFacts) -> None:
        """Admit one request, which is sent next; one that is refused uses up no slot (D-H19).

        Raises :class:`RateLimitHit` or :class:`ApprovalRefused`.
        """
        if facts.dialect == "embeddings":
            return
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
