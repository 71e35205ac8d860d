"""Rates and places that all replicas keep together; while the store is away, each keeps them alone."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from typing import TYPE_CHECKING

from copilot_api.engine.interfaces import Admission, Limiter, RateLimited
from copilot_api.shared import scripts
from copilot_api.shared.link import Link, StoreAway, StoreRefused

if TYPE_CHECKING:
    from copilot_api.keys.caller import Caller

logger = logging.getLogger("copilot_api.limiter")

MICROSECONDS = 1_000_000
LEASE = 30.0
"""Seconds that a place stays taken after its replica was last heard of."""
LONGEST_WAIT = 3600.0
"""Seconds that a request of ``--wait`` may be told to wait."""


class SharedAdmission:
    """One admitted request; `due` is the time of the store at which the slot after it begins."""

    __slots__ = ("_due", "_limiter")

    def __init__(self, limiter: SharedLimiter, due: int) -> None:
        self._limiter: SharedLimiter | None = limiter
        self._due = due

    def withdraw(self) -> None:
        """Give the slot back if nobody was admitted since, on any replica."""
        if self._limiter is not None:
            self._limiter.give_back(self._due)
            self._limiter = None


class SharedLimiter:
    """Implements :class:`copilot_api.engine.interfaces.Limiter` for all replicas together.

    Those that wait have their slot from the moment they ask, in the order in which the store hears of them.
    `alone` decides while the store is away.
    """

    def __init__(
        self, link: Link, name: str, interval: float, burst: int, alone: Limiter, *, wait: bool = False
    ) -> None:
        self._link = link
        self._key = f"rate:{name}"
        self._interval = round(interval * MICROSECONDS)
        self._burst = burst
        self._longest = round(LONGEST_WAIT * MICROSECONDS) if wait else 0
        self._alone = alone

    async def admit(self) -> Admission:
        """Admit, wait, or raise :class:`RateLimited`."""
        try:
            admitted, wait, due = await self._link.run(
                scripts.TAKE_SLOT, self._key, self._interval, self._burst, self._longest
            )
        except (StoreAway, StoreRefused):
            return await self._alone.admit()
        if not admitted:
            seconds = max(1, math.ceil(wait / MICROSECONDS))
            logger.warning("Rate limit exceeded. Need to wait %d more seconds.", seconds)
            raise RateLimited(seconds)
        admission = SharedAdmission(self, due)
        if wait:
            logger.warning(
                "Rate limit reached. Waiting %d seconds before proceeding...", math.ceil(wait / MICROSECONDS)
            )
            try:
                await asyncio.sleep(wait / MICROSECONDS)
            except asyncio.CancelledError:
                admission.withdraw()
                raise
        return admission

    def give_back(self, due: int) -> None:
        """Undo an admission."""
        self._link.tell_script(scripts.GIVE_SLOT_BACK, self._key, self._interval, due)


class Places:
    """Places that the holders of one key have on all replicas together."""

    def __init__(self, link: Link, leases: Leases, caller: Caller) -> None:
        self._link = link
        self._leases = leases
        self._key = f"places:{caller.id}"
        self._most = caller.concurrency or 0

    async def take(self) -> str | None:
        """Return the lease of a place, empty while the store is away; None when all are taken."""
        lease = self._leases.new(self._key)
        taken = None
        try:
            taken = await self._link.run(
                scripts.TAKE_PLACE, self._key, self._most, lease, round(LEASE * MICROSECONDS)
            )
        except (StoreAway, StoreRefused):
            pass
        finally:
            # Cancelled on the way, or no answer in time: it may have been taken all the same.
            if taken is None:
                self.leave(lease)
        if taken is None:
            return ""
        if not taken:
            self._leases.forget(self._key, lease)
            return None
        return lease

    def leave(self, lease: str) -> None:
        """Give a place back."""
        if lease:
            self._leases.forget(self._key, lease)
            self._link.tell_script(scripts.LEAVE_PLACE, self._key, lease)


class Leases:
    """The places that this process has taken; renewed so that they stay its own while it lives."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._process = os.urandom(8).hex()
        self._count = 0
        self._held: dict[str, set[str]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def new(self, key: str) -> str:
        """Return a lease that nobody has; it is renewed from now on."""
        self._count += 1
        lease = f"{self._process}-{self._count}"
        self._held.setdefault(key, set()).add(lease)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LEASE / 3, self._renew)
        return lease

    def forget(self, key: str, lease: str) -> None:
        """It is no longer held."""
        held = self._held.get(key)
        if held is not None:
            held.discard(lease)
            if not held:
                del self._held[key]

    def close(self) -> None:
        """Give back all."""
        if self._timer is not None:
            self._timer.cancel()
        for key, leases in self._held.items():
            for lease in leases:
                self._link.tell_script(scripts.LEAVE_PLACE, key, lease)
        self._held.clear()

    def _renew(self) -> None:
        self._timer = None
        for key, leases in self._held.items():
            self._link.tell_script(scripts.RENEW_PLACES, key, round(LEASE * MICROSECONDS), *leases)
        if self._held:
            self._timer = asyncio.get_running_loop().call_later(LEASE / 3, self._renew)
