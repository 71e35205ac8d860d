"""The token manager: times are judged in Rust, the exchange and the waiting are asyncio's."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from copilot_api import _native
from copilot_api.engine.interfaces import (
    EngineError,
    TokenFetch,
    TokenGrant,
    TokenRefused,
    TokenUnavailable,
)

_log = logging.getLogger("copilot_api.token")

TOKEN_PATIENCE = 5.0
"""Seconds a request waits for a token before it gets 503 (R-47)."""


class NativeTokenManager:
    """Implements :class:`copilot_api.engine.interfaces.TokenManager`: times are judged in Rust.

    `fetch` does the exchange; `jitter` returns a factor near 1; the clocks give seconds.
    """

    def __init__(
        self,
        fetch: TokenFetch,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = lambda: random.uniform(0.9, 1.1),  # noqa: S311 - spreads load only
    ) -> None:
        self._fetch = fetch
        self._monotonic, self._wall, self._jitter = monotonic, wall, jitter
        self.clock = self._clock = _native.TokenClock()
        self._grant: TokenGrant | None = None
        self._renewal: asyncio.Task[TokenGrant] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def get(self) -> TokenGrant:
        """Return a valid token; renews first when there is none."""
        if self._grant is not None and self._clock.is_fresh(self._monotonic(), self._wall()):
            return self._grant
        renewal = self._renew()
        try:
            # shield: a waiter that leaves must not cancel the renewal for the others. Not wait_for:
            # before Python 3.12 it loses a cancellation that comes together with the token.
            async with asyncio.timeout(TOKEN_PATIENCE):
                return await asyncio.shield(renewal)
        except TimeoutError:
            raise TokenUnavailable("GitHub has not answered the token request yet") from None
        except TokenRefused as refused:
            raise TokenUnavailable(str(refused), permanent=True) from refused
        except EngineError as error:
            wait = self._clock.backoff(self._jitter())
            raise TokenUnavailable(f"no Copilot token: {error}", retry_after=wait) from error

    def reject(self, grant: TokenGrant) -> None:
        """Forget `grant` if it is still the one in use."""
        if self._clock.holds() and self._grant is not None and self._grant.token == grant.token:
            self._clock.forget()

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
        if (pause := self._clock.pause(self._monotonic())) > 0:
            await asyncio.sleep(pause)
        _log.debug("Refreshing Copilot token")
        try:
            try:
                grant = await self._fetch()
            finally:
                self._clock.tried(self._monotonic())
        except EngineError as error:
            self._clock.failed()
            level = logging.WARNING if self._clock.holds() else logging.DEBUG
            _log.log(level, "Copilot token not renewed: %s", error)
            if not isinstance(error, TokenRefused) or self._clock.holds():
                self._schedule(self._clock.backoff(self._jitter()))
            raise
        self._grant = grant
        due = self._clock.granted(grant.refresh_in, self._monotonic(), self._wall(), self._jitter())
        self._schedule(due)
        _log.debug("Copilot token refreshed")
        return grant

    def _schedule(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._renew)
