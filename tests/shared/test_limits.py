"""Rates and places are kept by all replicas together, whoever asks first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from copilot_api.engine.interfaces import RateLimited
from copilot_api.engine.reference.limiter import ReferenceLimiter
from copilot_api.keys.caller import Caller
from copilot_api.shared import limits
from copilot_api.shared.limits import Leases, Places, SharedLimiter
from copilot_api.shared.link import Link
from tests.support.store_server import StoreServer

Connect = Callable[[], Link]
LONG = 1000.0
"""Seconds between two slots: longer than any test."""


def limiter(link: Link, interval: float = LONG, burst: int = 1, *, wait: bool = False) -> SharedLimiter:
    return SharedLimiter(
        link, "test", interval, burst, ReferenceLimiter(interval, wait=wait, burst=burst), wait=wait
    )


async def admitted(limiters: list[SharedLimiter], each: int) -> int:
    """Ask all at the same time; return how many were let in."""
    asked = [one.admit() for one in limiters for _ in range(each)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    unexpected = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(error, RateLimited) for error in unexpected), unexpected
    return len(answers) - len(unexpected)


@pytest.mark.parametrize("burst", [1, 7])
async def test_a_burst_is_of_all_replicas_together(connect: Connect, burst: int) -> None:
    replicas = [limiter(connect(), burst=burst) for _ in range(3)]
    assert await admitted(replicas, 20) == burst


async def test_a_refusal_says_how_long_by_the_clock_of_the_store(connect: Connect) -> None:
    first, second = limiter(connect()), limiter(connect())
    await first.admit()
    with pytest.raises(RateLimited) as refused:
        await second.admit()
    assert 900 < refused.value.wait <= 1000


async def test_a_slot_that_is_given_back_is_anybodys(connect: Connect) -> None:
    links = [connect(), connect()]
    first, second = (limiter(link) for link in links)
    admission = await first.admit()
    admission.withdraw()
    admission.withdraw()
    await links[0].ask("PING")  # what was told before has come
    await second.admit()
    with pytest.raises(RateLimited):
        await first.admit()


async def test_an_older_slot_is_not_given_back(connect: Connect) -> None:
    link = connect()
    both = limiter(link, burst=2)
    first = await both.admit()
    await both.admit()
    first.withdraw()
    await link.ask("PING")
    with pytest.raises(RateLimited):
        await both.admit()


async def test_waiting_is_one_row_for_all(connect: Connect) -> None:
    replicas = [limiter(connect(), 0.02, wait=True) for _ in range(3)]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.gather(*(one.admit() for one in replicas for _ in range(4)))
    # Twelve requests, one each 20 ms: the last begins 220 ms after the first.
    assert loop.time() - begun >= 0.22 - 0.005


async def test_while_the_store_is_away_each_replica_limits_itself(
    connect: Connect, server: StoreServer
) -> None:
    link = connect()
    one = limiter(link)
    await one.admit()
    server.freeze()
    try:
        await one.admit()  # the own limiter knows of none before
        with pytest.raises(RateLimited):
            await one.admit()
        assert not link.is_up
    finally:
        server.thaw()


CALLER = Caller("k1", "ann", concurrency=4)


async def test_places_are_of_all_replicas_together(connect: Connect) -> None:
    links = [connect() for _ in range(3)]
    replicas = [Places(link, Leases(link), CALLER) for link in links]
    taken = await asyncio.gather(*(replica.take() for replica in replicas for _ in range(5)))
    held = [lease for lease in taken if lease is not None]
    assert len(held) == 4
    assert all(held)
    holder = replicas[next(at for at, lease in enumerate(taken) if lease) // 5]
    holder.leave(held[0])
    await asyncio.gather(*(link.ask("PING") for link in links))
    again = await asyncio.gather(*(replica.take() for replica in replicas))
    assert len([lease for lease in again if lease]) == 1


async def test_places_of_a_replica_that_died_become_free(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LEASE", 0.2)
    dead, alive = connect(), connect()
    gone = Leases(dead)
    for _ in range(4):
        assert await Places(dead, gone, CALLER).take()
    gone._timer.cancel()  # type: ignore[union-attr]  # the process is no more
    others = Places(alive, Leases(alive), CALLER)
    async with asyncio.timeout(20):
        while not await others.take():  # noqa: ASYNC110 - the lease ends by the store's clock
            await asyncio.sleep(0.01)


async def test_places_are_kept_while_their_replica_lives(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LEASE", 1.5)
    link = connect()
    leases = Leases(link)
    places = Places(link, leases, CALLER)
    held = [await places.take() for _ in range(4)]
    loop = asyncio.get_running_loop()
    end = loop.time() + 3.0  # two lives of a lease
    while loop.time() < end:
        assert await places.take() is None
        await asyncio.sleep(0.05)
    for lease in held:
        places.leave(lease or "")
    assert await places.take()
    leases.close()


async def test_a_place_that_was_given_up_while_it_was_asked_for_is_free(connect: Connect) -> None:
    link = connect()
    leases = Leases(link)
    places = Places(link, leases, Caller("k2", "ben", concurrency=1))
    for _ in range(50):
        asking = asyncio.ensure_future(places.take())
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await link.ask("PING")
    assert await places.take()
    leases.close()
