"""One Copilot token, renewed early: D-R1 to D-R4, R-43 to R-47."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from copilot_api.engine.interfaces import (
    EngineError,
    TokenFetch,
    TokenGrant,
    TokenRefused,
    TokenUnavailable,
)

logger = logging.getLogger("copilot_api.token")

DEFAULT_LIFE = 1500.0
"""Seconds a token is believed to live when `refresh_in` says nothing useful (upstream.md 1.3)."""
SHORTEST_LIFE = 60.0
LONGEST_LIFE = 24 * 3600.0
GRACE = 60.0
"""The official client takes a token to expire `refresh_in + 60` seconds after it came (upstream.md 1.3)."""
FLOOR = 30.0
"""Seconds between two background renewals, whatever `refresh_in` says (D-R2, R-46)."""
GAP = 1.0
"""Seconds between the end of an attempt and the next one, whoever asks for it (R-46, R-47)."""
FIRST_BACKOFF, LAST_BACKOFF = 1.0, 60.0
PATIENCE = 5.0
"""Seconds a request waits for a token before it gets 503 (R-47)."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks; monotonic time may stand still while a laptop sleeps, wall time may jump (R-45)."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class _Held:
    grant: TokenGrant
    monotonic: float
    wall: float
    life: float

    def age(self, clocks: Clocks) -> float:
        """Seconds since receipt by whichever clock says more; a wall clock set back counts for nothing."""
        return max(clocks.monotonic() - self.monotonic, clocks.wall() - self.wall)

    def fresh(self, clocks: Clocks) -> bool:
        return clocks.monotonic() - self.monotonic < self.life and (
            self.age(clocks) < self.life or self._wall_jumped(clocks)
        )

    def _wall_jumped(self, clocks: Clocks) -> bool:
        # A difference of over a day is a clock that was set, not a lid that was closed: the token is
        # tried, and a 401 renews it.
        drift = (clocks.wall() - self.wall) - (clocks.monotonic() - self.monotonic)
        return abs(drift) >= 23 * 3600


def life_of(grant: TokenGrant) -> float:
    """Return the seconds a grant is used for, from its receipt. Bad numbers give the default."""
    refresh_in = grant.refresh_in
    if refresh_in is None or refresh_in <= 0:
        return DEFAULT_LIFE
    return min(max(refresh_in + GRACE, SHORTEST_LIFE), LONGEST_LIFE)


class ReferenceTokenManager:
    """Keeps one token. `fetch` does the exchange; `jitter` returns a factor near 1."""

    def __init__(
        self,
        fetch: TokenFetch,
        clocks: Clocks | None = None,
        jitter: Callable[[], float] = lambda: random.uniform(0.9, 1.1),  # noqa: S311 - spreads load only
    ) -> None:
        self._fetch = fetch
        self._clocks = clocks or Clocks()
        self._jitter = jitter
        self._held: _Held | None = None
        self._renewal: asyncio.Task[TokenGrant] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._tried: float | None = None
        """When the last attempt ended, by the monotonic clock."""
        self._closed = False

    async def get(self) -> TokenGrant:
        """Return a valid token; renews first when there is none."""
        held = self._held
        if held is not None and held.fresh(self._clocks):
            return held.grant
        renewal = self._renew()
        try:
            # shield: a waiter that leaves must not cancel the renewal for the others. Not wait_for:
            # before Python 3.12 it loses a cancellation that comes together with the token.
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(renewal)
        except TimeoutError:
            raise TokenUnavailable("GitHub has not answered the token request yet") from None
        except TokenRefused as refused:
            raise TokenUnavailable(str(refused), permanent=True) from refused
        except EngineError as error:
            raise TokenUnavailable(f"no Copilot token: {error}", retry_after=self._backoff()) from error

    def reject(self, grant: TokenGrant) -> None:
        """Forget `grant` if it is still the one in use."""
        if self._held is not None and self._held.grant.token == grant.token:
            self._held = None

    async def aclose(self) -> None:
        """Stop the timer and a running renewal."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        renewal = self._renewal
        if renewal is not None:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)

    def _renew(self) -> asyncio.Task[TokenGrant]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._exchange())
            # A background renewal has no waiter: its outcome is handled in _exchange, so it is marked read.
            self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._renewal

    async def _exchange(self) -> TokenGrant:
        # Requests that come while there is no token, or whose token is refused, wait here together.
        if (pause := self._pause()) > 0:
            await asyncio.sleep(pause)
        logger.debug("Refreshing Copilot token")
        try:
            try:
                grant = await self._fetch()
            finally:
                self._tried = self._clocks.monotonic()
        except EngineError as error:
            self._failures += 1
            level = logging.WARNING if self._held is not None else logging.DEBUG
            logger.log(level, "Copilot token not renewed: %s", error)
            if not isinstance(error, TokenRefused) or self._held is not None:
                self._schedule(self._backoff())
            raise
        self._failures = 0
        life = life_of(grant)
        self._held = _Held(grant, self._clocks.monotonic(), self._clocks.wall(), life)
        self._schedule(max(FLOOR, (life - GRACE) * 0.8 * self._jitter()))
        logger.debug("Copilot token refreshed")
        return grant

    def _pause(self) -> float:
        if self._tried is None:
            return 0.0
        return min(max(self._tried + GAP - self._clocks.monotonic(), 0.0), GAP)

    def _backoff(self) -> float:
        exponent = min(max(self._failures - 1, 0), 10)
        return float(min(FIRST_BACKOFF * 2**exponent, LAST_BACKOFF)) * self._jitter()

    def _schedule(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._renew)
