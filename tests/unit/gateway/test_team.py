"""Places, turns and limits of those who show keys (R-09, R-60)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from copilot_api.engine.flags import build_engine
from copilot_api.engine.interfaces import NoPlace
from copilot_api.gateway.errors import (
    GatewayError,
    NotAllowed,
    Overloaded,
    RateLimitHit,
    TooManyAtOnce,
)
from copilot_api.gateway.team import Entry, Team
from copilot_api.keys.caller import Caller
from copilot_api.settings import Settings
from tests.support.virtual_time import run_virtual

ENGINES = ("native", "reference")
ANN, BOB, EVE = (Caller(f"k-{name}", name) for name in ("ann", "bob", "eve"))


class Relay:
    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def cancel(self, outcome: str) -> None:
        self.cancelled.append(outcome)


class Unwilling:
    """An admission that refuses."""

    async def admit(self, _leg: str) -> None:
        raise NoPlace


class Willing:
    async def admit(self, _leg: str) -> None:
        """Admit."""


class Room:
    """A team with its places."""

    def __init__(self, engine: str, places: int, *, queue: int = 0, keys: int = 2) -> None:
        patience = 10.0 if queue else 0.0
        settings = Settings(
            engine=engine,  # type: ignore[arg-type]
            max_concurrency=places,
            max_queue=max(queue, 1),
            queue_timeout=patience,
        )
        built = build_engine(settings)
        self.places = built.make_concurrency(places, max(queue, 1), patience)
        self.team = Team(settings, built, self.places, lambda: keys > 1)

    async def fill(self, caller: Caller) -> list[Entry]:
        """Enter until refused."""
        entries = []
        while True:
            try:
                entries.append(await self.team.enter(caller))
            except Overloaded:
                return entries

    async def waiting(self, *callers: Caller) -> list[asyncio.Task[Entry]]:
        """Ask for so many who have to wait, in this order."""
        tasks = []
        for caller in callers:
            tasks.append(asyncio.create_task(self.team.enter(caller)))
            await asyncio.sleep(0)
        return tasks


def run(main: Coroutine[Any, Any, None]) -> None:
    run_virtual(main)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("places", "most"), [(1, 1), (2, 2), (3, 3), (4, 3), (8, 6), (64, 48)])
def test_r60_one_key_leaves_a_quarter_of_the_places(engine: str, places: int, most: int) -> None:
    async def main() -> None:
        room = Room(engine, places)
        entries = await room.fill(ANN)
        assert len(entries) == most
        if most < places:
            await room.team.enter(BOB)
        for entry in entries:
            entry.leave()
        assert len(await room.fill(ANN)) > 0

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r60_a_single_key_may_have_all_places(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 8, keys=1)
        assert len(await room.fill(ANN)) == 8

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r60_who_is_refused_is_told_why(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 4)
        await room.fill(ANN)
        with pytest.raises(Overloaded, match="share"):
            await room.team.enter(ANN)
        await room.team.enter(BOB)
        with pytest.raises(Overloaded, match="limit of 4") as caught:
            await room.team.enter(EVE)
        assert ("retry-after", "1") in caught.value.headers

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r60_free_places_go_round_the_keys_that_wait(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 8, queue=16)
        held = [await room.team.enter(Caller(f"k-{number}", "other")) for number in range(8)]
        tasks = await room.waiting(ANN, ANN, ANN, BOB, BOB, EVE)
        assert room.team.waiting == 6
        served: list[str] = []
        for task, caller in zip(tasks, (ANN, ANN, ANN, BOB, BOB, EVE), strict=True):
            task.add_done_callback(lambda _, name=caller.name: served.append(name))
        for entry in held[:6]:
            entry.leave()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert served == ["ann", "bob", "eve", "ann", "bob", "ann"]
        assert room.team.waiting == 0
        assert room.places.in_flight == 8

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r60_waiting_ends_in_time_and_leaves_nothing(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 1, queue=4)
        entry = await room.team.enter(ANN)
        late, gone, last = await room.waiting(BOB, EVE, BOB)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        entry.leave()
        first = await late
        with pytest.raises(Overloaded):
            await last
        assert asyncio.get_running_loop().time() == pytest.approx(10)
        first.leave()
        assert (room.team.waiting, room.places.in_flight) == (0, 0)

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r60_a_place_that_comes_as_its_waiter_leaves_goes_to_the_next(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 1, queue=4)
        entry = await room.team.enter(ANN)
        gone, next_one = await room.waiting(BOB, EVE)
        entry.leave()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        (await next_one).leave()
        assert (room.team.waiting, room.places.in_flight) == (0, 0)

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r60_one_key_cannot_fill_the_queue(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 1, queue=4)
        entry = await room.team.enter(EVE)
        tasks = await room.waiting(ANN, ANN, ANN)
        with pytest.raises(Overloaded):
            await room.team.enter(ANN)
        tasks += await room.waiting(BOB)
        with pytest.raises(Overloaded):
            await room.team.enter(BOB)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        entry.leave()
        assert (room.team.waiting, room.places.in_flight) == (0, 0)

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r09_a_keys_own_limits(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 8)
        narrow = Caller("k", "narrow", concurrency=2)
        first, second = await room.team.enter(narrow), await room.team.enter(narrow)
        with pytest.raises(TooManyAtOnce, match="narrow"):
            await room.team.enter(narrow)
        first.leave()
        third = await room.team.enter(narrow)
        second.leave()
        third.leave()
        slow = Caller("s", "slow", rate=2)
        for _ in range(2):
            (await room.team.enter(slow)).leave()
        with pytest.raises(RateLimitHit) as caught:
            await room.team.enter(slow)
        assert caught.value.status == 429
        assert 1 <= int(dict(caught.value.headers)["retry-after"]) <= 30
        assert room.places.in_flight == 0

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r09_a_request_that_is_refused_uses_up_no_slot_of_its_key(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 8)
        slow = Caller("s", "slow", rate=1)
        for _ in range(3):
            entry = await room.team.enter(slow)
            with pytest.raises(NoPlace):
                await entry.admit(Unwilling(), "chat")  # type: ignore[arg-type]
            entry.leave()
        full = await Room(engine, 1).team.enter(ANN)
        full.leave()

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r09_changed_limits_hold_at_once_and_old_ones_are_given_back(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 8)
        before = Caller("k", "one", concurrency=1)
        entry = await room.team.enter(before)
        after = Caller("k", "one", concurrency=2)
        others = [await room.team.enter(after) for _ in range(2)]
        with pytest.raises(TooManyAtOnce):
            await room.team.enter(after)
        entry.leave()
        with pytest.raises(TooManyAtOnce):
            await room.team.enter(after)
        for other in others:
            other.leave()
        assert room.places.in_flight == 0

    run(main())


@pytest.mark.parametrize("engine", ENGINES)
def test_r09_what_a_revoked_key_has_running_and_waiting_ends(engine: str) -> None:
    async def main() -> None:
        room = Room(engine, 2, queue=8)
        running, other = await room.team.enter(ANN), await room.team.enter(BOB)
        relay, foreign = Relay(), Relay()
        running.member.relays.add(relay)  # type: ignore[arg-type]
        other.member.relays.add(foreign)  # type: ignore[arg-type]
        mine, theirs = await room.waiting(ANN, EVE)
        room.team.end(frozenset({ANN.id, "k-unknown"}))
        assert (relay.cancelled, foreign.cancelled) == (["cancelled"], [])
        with pytest.raises(NotAllowed) as caught:
            await mine
        assert caught.value.status == 401
        assert running.member.ended
        with pytest.raises(GatewayError, match="no longer valid"):
            await running.admit(Willing(), "chat")  # type: ignore[arg-type]
        running.leave()
        (await theirs).leave()
        other.leave()
        assert (room.team.waiting, room.places.in_flight) == (0, 0)
        # The id may come back: a revocation that was taken back by hand.
        again = await room.team.enter(ANN)
        assert not again.member.ended
        again.leave()

    run(main())
