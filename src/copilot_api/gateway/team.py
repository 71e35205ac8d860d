"""Requests of those who show a key: their own limits, and a fair share of the places (R-09, R-60).

Two rules keep one key from taking all places, and both need no list of who is active:

- A key gets a further place while it holds fewer than `SHARE` times those that are free. Alone it can use
  three quarters of all; the more keys ask, the less each may hold, and who holds none gets any free place.
  (The dynamic threshold of Choudhury and Hahne, 1998, which shares the memory of switches.)
- With ``--queue-timeout``, places that become free go round the keys that wait, one request each.

With one key there is nobody to be fair to, and all places are its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from copilot_api.engine.interfaces import Concurrency, Leg, Limiter, RateLimited
from copilot_api.gateway.errors import NotAllowed, Overloaded, RateLimitHit, TooManyAtOnce
from copilot_api.gateway.limits import KeyLimits, OwnLimits, SharedPlaces
from copilot_api.keys.caller import Caller

if TYPE_CHECKING:
    from copilot_api.engine.client_interfaces import Relay
    from copilot_api.engine.components import Engine
    from copilot_api.engine.interfaces import Admission as Slot
    from copilot_api.gateway.admit import Admission
    from copilot_api.settings import Settings

SHARE = 3
"""Places a key may hold for each that is free."""


class Member:
    """What is counted for one key."""

    __slots__ = ("caller", "ended", "held", "limiter", "places", "relays", "shared", "turns")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.limiter: Limiter | None = None
        self.places: Concurrency | None = None
        self.shared: SharedPlaces | None = None
        """Its places on all replicas, where there are several."""
        self.held = 0
        """Places of the gateway that its requests have."""
        self.turns: deque[asyncio.Future[None]] = deque()
        """Its requests that wait for one."""
        self.relays: set[Relay] = set()
        """Its streams."""
        self.ended = False
        """The key is no longer good."""

    def check(self) -> None:
        """Refuse a request whose key was good when it came. Raises :class:`NotAllowed`."""
        if self.ended:
            raise no_longer_valid()


class Entry:
    """One request that was let in; :meth:`leave` gives back what it has."""

    __slots__ = ("_lease", "_own", "_shared", "_slot", "_team", "member")

    def __init__(
        self, team: Team, member: Member, own: Concurrency | None, slot: Slot | None, lease: str
    ) -> None:
        self._team = team
        self._own = own
        self._shared = member.shared
        self._lease = lease
        self._slot = slot
        self.member = member

    async def admit(self, admission: Admission, leg: Leg) -> None:
        """Ask what all requests are asked; one that is refused uses up no slot of its key (D-H19)."""
        try:
            await admission.admit(leg)
            self.member.check()
        except BaseException:
            if self._slot is not None:
                self._slot.withdraw()
            raise

    def leave(self) -> None:
        """The request is over."""
        if self._own is not None:
            self._own.leave()
        if self._shared is not None:
            self._shared.leave(self._lease)
        self._team.leave(self.member)


class Team:
    """All keys' requests. Made once, by the pipeline; `several` tells whether there are two keys or more."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        places: Concurrency,
        several: Callable[[], bool],
        limits: KeyLimits | None = None,
    ) -> None:
        self._engine = engine
        self._limits = limits or OwnLimits(engine)
        self._places = places
        self._limit = settings.max_concurrency
        self._patience = settings.queue_timeout
        self._longest = settings.max_queue if settings.queue_timeout > 0 else 0
        self._several = several
        self._members: dict[str, Member] = {}
        self._order: dict[str, Member] = {}
        """Those that wait, by the id of their caller; the first is served next."""
        self.waiting = 0
        """Requests that wait for a place."""

    async def enter(self, caller: Caller) -> Entry:
        """Let a request in, or wait for a place.

        Raises a :class:`copilot_api.gateway.errors.GatewayError`.
        """
        member = self._member(caller)
        own = member.places
        if own is not None and not own.try_enter():
            raise TooManyAtOnce(caller.name, caller.concurrency or 0)
        slot: Slot | None = None
        shared, lease = member.shared, ""
        try:
            if shared is not None:
                taken = await shared.take()
                if taken is None:
                    raise TooManyAtOnce(caller.name, caller.concurrency or 0)
                lease = taken
            if member.limiter is not None:
                slot = await member.limiter.admit()
            if not self._take(member):
                await self._wait(member)
        except BaseException as error:
            if slot is not None:
                slot.withdraw()
            if own is not None:
                own.leave()
            if shared is not None:
                shared.leave(lease)
            if isinstance(error, RateLimited):
                raise RateLimitHit(error.wait) from None
            raise
        return Entry(self, member, own, slot, lease)

    def leave(self, member: Member) -> None:
        """Give back the place of one request."""
        self._places.leave()
        member.held -= 1
        if self.waiting:
            self.pass_on()

    def pass_on(self) -> None:
        """Give free places to those that wait, one to each key in turn."""
        while (member := self._next()) is not None:
            del self._order[member.caller.id]
            turn = member.turns.popleft()
            self.waiting -= 1
            if member.turns:
                self._order[member.caller.id] = member
            turn.set_result(None)

    def end(self, ids: frozenset[str]) -> None:
        """Some keys are no longer good: their streams end in-band, and what waits is refused."""
        for member in [self._members.pop(each) for each in ids if each in self._members]:
            member.ended = True
            for relay in member.relays:
                relay.cancel("cancelled")
            for turn in member.turns:
                if not turn.done():
                    turn.set_exception(no_longer_valid())

    def _member(self, caller: Caller) -> Member:
        member = self._members.get(caller.id)
        if member is not None and member.caller is caller:
            return member
        if member is None:
            member = self._members[caller.id] = Member(caller)
        # New or changed limits are counted from now on; requests in flight give back to the old ones.
        member.caller = caller
        rate, most = caller.rate, caller.concurrency
        member.limiter = None if rate is None else self._limits.limiter(caller, rate)
        member.shared = None if most is None else self._limits.places(caller)
        member.places = None if most is None else self._engine.make_concurrency(most, 1, 0.0)
        return member

    def _take(self, member: Member) -> bool:
        if self._is_over_share(member) or not self._places.try_enter():
            return False
        member.held += 1
        return True

    def _is_over_share(self, member: Member) -> bool:
        return member.held >= SHARE * (self._limit - self._places.in_flight) and self._several()

    def _next(self) -> Member | None:
        """Take a place for the first in the row that may have one."""
        for member in self._order.values():
            # One that was cancelled cleans up when its task runs.
            while member.turns and member.turns[0].done():
                member.turns.popleft()
                self.waiting -= 1
            if member.turns and self._take(member):
                return member
        return None

    async def _wait(self, member: Member) -> None:
        left = self._longest - self.waiting
        if left <= 0 or (len(member.turns) >= SHARE * left and self._several()):
            raise Overloaded(self._limit, kept=self._places.in_flight < self._limit)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        member.turns.append(turn)
        self.waiting += 1
        self._order.setdefault(member.caller.id, member)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave(member)  # the place came at this very moment
            if isinstance(error, TimeoutError):
                raise Overloaded(self._limit) from None
            raise
        finally:
            if turn in member.turns:
                member.turns.remove(turn)
                self.waiting -= 1
            if not member.turns and self._order.get(member.caller.id) is member:
                del self._order[member.caller.id]


def no_longer_valid() -> NotAllowed:
    """Return the answer to a request whose key was good when it came."""
    return NotAllowed(401, "the key is no longer valid", code="invalid_api_key")
