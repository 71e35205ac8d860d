"""Answers from the cache, and one upstream call for equal requests at the same time (``--cache``).

The component decides (:class:`copilot_api.engine.cache_interfaces.ResponseCache`); here it is asked, and
those that wait are woken. A caller that goes away ends its own call only: the next that waits makes one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Protocol

from copilot_api.copilot import hosts
from copilot_api.engine.cache_interfaces import (
    CachedAnswer,
    CacheOptions,
    CacheStatistics,
    CacheWakes,
    ResponseCache,
)
from copilot_api.engine.interfaces import RequestBody
from copilot_api.gateway.answer import Whole
from copilot_api.gateway.plan import Plan
from copilot_api.records import record
from copilot_api.settings import Settings

MARK = "x-copilot-api-cache"
"""The response header: ``hit``, ``miss`` or ``coalesced``; absent where the cache had no part."""
KEPT_HEADERS = ("content-type",)
"""Headers that are true of an old answer too. Request ids and rate limits are those of one call."""


class SharedCache(Protocol):
    """Answers that other replicas have kept."""

    async def find(self, key: bytes, max_age: float | None) -> tuple[CachedAnswer, float] | None:
        """Return an answer and its age in seconds, if there is one young enough."""

    def give(self, key: bytes, answer: CachedAnswer) -> None:
        """Keep an answer for them."""


CacheMaker = Callable[[CacheOptions, Callable[[], None]], ResponseCache]
Ask = Callable[[], Awaitable[Whole]]


@record
class Asker:
    """Who asks, and what it says about caches."""

    key: str = ""
    """The id of the client key; empty where none is needed. Answers never pass between two keys."""
    cache_control: str = ""
    """The request's ``Cache-Control``."""


class Caching:
    """Answers whole requests. Made once, in `app`, when ``--cache`` is given."""

    def __init__(self, make_cache: CacheMaker, settings: Settings, shared: SharedCache | None = None) -> None:
        self._shared = shared
        self._cache = make_cache(CacheOptions(settings.cache, settings.cache_ttl), self._lost)
        self._scope = (hosts.base_url(settings, None), f"reasoning={settings.reasoning}")
        self._tickets = itertools.count(1)
        self._turns: dict[int, asyncio.Future[Whole | None]] = {}
        """Those that wait, by ticket; None tells them to ask upstream."""

    def statistics(self) -> CacheStatistics:
        """Return what the cache has done and holds."""
        return self._cache.statistics()

    async def answer(self, asker: Asker, body: RequestBody, plan: Plan, ask: Ask) -> Whole:
        """Return the answer of a request that is no stream. `ask` makes the upstream call."""
        stores, max_age = read_cache_control(asker.cache_control)
        if not stores:
            return await ask()
        scope = (asker.key, plan.resolution.name, plan.path, *self._scope)
        key = self._cache.key(body, plan.request.dialect, scope)
        if key is None:
            return await ask()
        ticket = next(self._tickets)
        found = self._cache.begin(key, ticket, max_age)
        if found.answer is not None:
            return _hit(found.answer, found.age)
        if found.outcome == "wait":
            whole = await self._turn(ticket)
            if whole is not None:
                return _marked(whole, "coalesced")
        return await self._ask(ticket, ask, key, max_age)

    async def _ask(self, ticket: int, ask: Ask, key: bytes, max_age: float | None) -> Whole:
        whole: Whole | None = None
        answer: CachedAnswer | None = None
        try:
            if self._shared is not None:
                found = await self._shared.find(key, max_age)
                if found is not None:
                    answer, age = found
                    whole = Whole(200, answer.headers, answer.body)
                    return _hit(answer, age)
            whole = await ask()
            if whole.status == 200:
                kept = tuple(header for header in whole.headers if header[0] in KEPT_HEADERS)
                answer = CachedAnswer(whole.body, kept)
                if self._shared is not None:
                    self._shared.give(key, answer)
        finally:
            self._wake(self._cache.settle(ticket, answer), whole)
        return _marked(whole, "miss")

    async def _turn(self, ticket: int) -> Whole | None:
        """Wait for the answer of the one that leads; None means that this one is to ask."""
        turn: asyncio.Future[Whole | None] = asyncio.get_running_loop().create_future()
        self._turns[ticket] = turn
        try:
            return await turn
        except asyncio.CancelledError:
            # It may have been told to lead at this very moment: then the next one does.
            self._wake(self._cache.settle(ticket, None), None)
            raise
        finally:
            del self._turns[ticket]

    def _wake(self, wakes: CacheWakes, whole: Whole | None) -> None:
        for ticket in wakes.served:
            self._tell(ticket, whole)
        if wakes.leader is not None:
            self._tell(wakes.leader, None)
        for ticket in wakes.alone:
            self._tell(ticket, None)

    def _tell(self, ticket: int, whole: Whole | None) -> None:
        turn = self._turns.get(ticket)
        # One that was cancelled settles its ticket itself as soon as it runs.
        if turn is not None and not turn.done():
            turn.set_result(whole)

    def _lost(self) -> None:
        """The component was replaced and knows none of the tickets: each asks for itself."""
        for ticket in tuple(self._turns):
            self._tell(ticket, None)


def read_cache_control(value: str) -> tuple[bool, float | None]:
    """Return whether the answer may be looked up and kept, and the seconds that a hit may be old.

    ``no-store``: neither; ``no-cache``: not looked up but kept, the same as ``max-age=0`` (RFC 9111, 5.2.1).
    Other directives are for others.
    """
    stores, max_age = True, None
    for directive in value.lower().split(","):
        name, _, argument = (part.strip() for part in directive.partition("="))
        if name == "no-store":
            stores = False
        elif name == "no-cache":
            max_age = 0.0
        elif name == "max-age" and max_age is None:
            seconds = argument.strip('"')
            # An age that cannot be read is none at all: RFC 9111, 4.2.1 asks to take it for stale.
            max_age = float(seconds) if seconds.isascii() and seconds.isdigit() else 0.0
    return stores, max_age


def _hit(answer: CachedAnswer, age: float) -> Whole:
    return Whole(200, (*answer.headers, ("age", str(int(age))), (MARK, "hit")), answer.body)


def _marked(whole: Whole, mark: str) -> Whole:
    return Whole(whole.status, (*whole.headers, (MARK, mark)), whole.body)
