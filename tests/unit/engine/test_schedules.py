"""Models of what waits in asyncio, in every schedule: token manager, limiter, places. Both implementations.

What threads share is modelled by loom in `models/`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

import pytest

from copilot_api.engine.interfaces import ConnectFailed, NoPlace, TokenGrant, TokenUnavailable
from copilot_api.engine.native import NativeLimiter, NativeTokenManager
from copilot_api.engine.native.concurrency import NativeConcurrency
from copilot_api.engine.reference.concurrency import ReferenceConcurrency
from copilot_api.engine.reference.limiter import ReferenceLimiter
from copilot_api.engine.reference.token import Clocks, ReferenceTokenManager
from copilot_api.redaction import Secret
from tests.support.schedules import Act, explore
from tests.support.virtual_time import now

pytestmark = pytest.mark.parametrize("native", [False, True], ids=["reference", "native"])


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("copilot_api")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


class Renewals:
    """Two requests and one that is given up want a token; the exchange answers some time, or fails once."""

    time_passes = False

    def __init__(self, native: bool, *, fails: bool) -> None:
        self.open: list[asyncio.Future[None]] = []
        self.at_once = 0
        self.exchanges = 0
        self.fails = fails
        self.rejected = 0
        self.answered = False
        self.waiters: list[asyncio.Task[TokenGrant]] = []
        self.given_up: asyncio.Task[TokenGrant]
        if native:
            self.subject: NativeTokenManager | ReferenceTokenManager = NativeTokenManager(
                self.fetch, now, now, jitter=lambda: 1.0
            )
        else:
            self.subject = ReferenceTokenManager(self.fetch, Clocks(now, now), jitter=lambda: 1.0)

    async def fetch(self) -> TokenGrant:
        self.exchanges += 1
        self.at_once += 1
        assert self.at_once == 1, "two exchanges at once"
        number = self.exchanges
        try:
            if not self.answered:
                self.open.append(asyncio.get_running_loop().create_future())
                await self.open[-1]
            if self.fails and number == 1:
                raise ConnectFailed("network down")
            return TokenGrant(Secret(f"t{number}"), 1500)
        finally:
            self.at_once -= 1

    def actors(self) -> Sequence[Sequence[Act]]:
        return [
            [("get", self.get)],
            [("get for a while", self.get_for_a_while), ("leave", lambda: self.given_up.cancel())],
            [("answer", self.answer), *([] if self.fails else [("reject", self.reject)])],
        ]

    def get(self) -> None:
        self.waiters.append(asyncio.get_running_loop().create_task(self.subject.get()))

    def get_for_a_while(self) -> None:
        self.get()
        self.given_up = self.waiters[-1]

    def answer(self) -> None:
        self.answered = True
        for exchange in self.open:
            if not exchange.done():
                exchange.set_result(None)

    def reject(self) -> None:
        """Upstream answered 401 to who has a token already."""
        for waiter in self.waiters:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.subject.reject(waiter.result())
                self.rejected += 1
                return

    def check(self) -> None:
        assert self.exchanges <= 1 + self.fails + self.rejected

    def is_done(self) -> bool:
        return all(waiter.done() for waiter in self.waiters)

    async def end(self) -> None:
        outcomes = await asyncio.gather(*self.waiters, return_exceptions=True)
        for waiter, outcome in zip(self.waiters, outcomes, strict=True):
            if isinstance(outcome, TokenUnavailable):
                assert self.fails
            elif isinstance(outcome, asyncio.CancelledError):
                assert waiter is self.given_up
            else:
                assert isinstance(outcome, TokenGrant), outcome
        assert now() < 5.0, "nobody waited in vain for an answer that was there"
        await self.subject.aclose()
        assert self.at_once == 0


@pytest.mark.parametrize("fails", [False, True], ids=["granted", "failed once"])
def test_r44_one_exchange_at_a_time_serves_all_in_every_schedule(native: bool, fails: bool) -> None:
    assert explore(partial(Renewals, native, fails=fails)) > 100


class Places:
    """One place and who has it, one who waits and is given up, and one who waits to the end."""

    time_passes = False

    def __init__(self, native: bool, patience: float) -> None:
        made = NativeConcurrency if native else ReferenceConcurrency
        self.subject = made(1, 2, patience, clock=now)
        assert self.subject.try_enter()
        self.inside = 1
        self.arrived: list[int] = []
        self.entered: list[int] = []
        self.tasks: dict[int, asyncio.Task[str]] = {}
        self.leaving = asyncio.Event()

    async def request(self, number: int) -> str:
        if not self.subject.try_enter():
            self.arrived.append(number)
            try:
                await self.subject.wait()
            except NoPlace:
                return "refused"
        else:
            self.arrived.append(number)
        self.inside += 1
        self.entered.append(number)
        assert self.inside == 1, "more than one in one place"
        try:
            await self.leaving.wait()
        finally:
            self.inside -= 1
            self.subject.leave()
        return "served"

    def actors(self) -> Sequence[Sequence[Act]]:
        def come(number: int) -> Act:
            def act() -> None:
                self.tasks[number] = asyncio.get_running_loop().create_task(self.request(number))

            return f"{number} comes", act

        return [
            [("0 leaves", self.first_leaves)],
            [come(1), ("1 is given up", lambda: self.tasks[1].cancel())],
            [come(2), ("all may leave", self.leaving.set)],
        ]

    def first_leaves(self) -> None:
        self.inside -= 1
        self.subject.leave()

    def is_done(self) -> bool:
        return False

    def check(self) -> None:
        assert self.subject.in_flight <= 1
        assert self.inside <= self.subject.in_flight
        assert self.subject.waiting <= 2

    async def end(self) -> None:
        assert all(task.done() for task in self.tasks.values()), "somebody waits for a place that is free"
        assert (self.inside, self.subject.in_flight, self.subject.waiting) == (0, 0, 0)
        assert self.tasks[2].result() == "served"
        order = [number for number in self.arrived if number in self.entered]
        assert self.entered == order, "first come, first served"


def test_r60_a_place_is_never_lost_nor_given_twice_in_any_schedule(native: bool) -> None:
    assert explore(partial(Places, native, patience=60)) > 100


class ImpatientPlaces(Places):
    """The same, and time passes at any moment: waiters may be refused just as a place becomes free."""

    time_passes = True

    async def end(self) -> None:
        assert all(task.done() for task in self.tasks.values())
        assert (self.inside, self.subject.in_flight, self.subject.waiting) == (0, 0, 0)
        assert self.tasks[2].result() in ("served", "refused")


def test_r60_a_place_survives_impatience_in_every_schedule(native: bool) -> None:
    assert explore(partial(ImpatientPlaces, native, patience=1)) > 100


class Paced:
    """Three requests, two seconds apart; the second is given up at any moment."""

    time_passes = True

    def __init__(self, native: bool) -> None:
        self.subject = (NativeLimiter if native else ReferenceLimiter)(2, True, clock=now)
        self.admitted: dict[int, float] = {}
        self.came: dict[int, float] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def request(self, number: int) -> None:
        self.came[number] = now()
        await self.subject.admit()
        self.admitted[number] = now()

    def actors(self) -> Sequence[Sequence[Act]]:
        def come(number: int) -> Act:
            def act() -> None:
                self.tasks[number] = asyncio.get_running_loop().create_task(self.request(number))

            return f"{number} comes", act

        return [[come(0)], [come(1), ("1 is given up", lambda: self.tasks[1].cancel())], [come(2)]]

    def is_done(self) -> bool:
        return False

    def check(self) -> None:
        times = sorted(self.admitted.values())
        assert all(late - early >= 2 for early, late in pairwise(times)), "too early"

    async def end(self) -> None:
        assert all(task.done() for task in self.tasks.values()), "somebody waits without end"
        assert {0, 2} <= set(self.admitted)
        previous = -2.0
        for number, moment in self.admitted.items():
            assert moment == max(self.came[number], previous + 2), "a slot was lost"
            previous = moment


def test_r60_the_pace_holds_and_no_slot_is_lost_in_any_schedule(native: bool) -> None:
    assert explore(partial(Paced, native)) > 100
