"""Both limiters against compat.md 3.9, with D-H19 cured."""

from __future__ import annotations

import asyncio

import pytest

from copilot_api.engine.interfaces import RateLimited
from copilot_api.engine.native import NativeLimiter
from copilot_api.engine.reference.limiter import ReferenceLimiter
from tests.support.virtual_time import now, run_virtual

Subject = ReferenceLimiter | NativeLimiter
_made: list[type[Subject]] = [ReferenceLimiter]


@pytest.fixture(params=[ReferenceLimiter, NativeLimiter], autouse=True)
def _implementation(request: pytest.FixtureRequest) -> None:
    _made[0] = request.param


def limiter(interval: float | None, *, wait: bool = False) -> Subject:
    return _made[0](interval, wait, clock=now)


@pytest.mark.parametrize("interval", [None, 0, -1])
def test_d_h19_no_limit_admits_all(interval: float | None) -> None:
    async def main() -> None:
        subject = limiter(interval)
        for _ in range(50):
            await subject.admit()

    run_virtual(main())


def test_early_request_is_refused_with_the_seconds_left() -> None:
    async def main() -> None:
        subject = limiter(10)
        await subject.admit()
        await asyncio.sleep(2.5)
        with pytest.raises(RateLimited) as caught:
            await subject.admit()
        assert caught.value.wait == 8
        await asyncio.sleep(7.5)
        await subject.admit()

    run_virtual(main())


def test_refused_request_does_not_push_the_next_slot_back() -> None:
    async def main() -> None:
        subject = limiter(10)
        await subject.admit()
        for _ in range(5):
            await asyncio.sleep(1)
            with pytest.raises(RateLimited):
                await subject.admit()
        await asyncio.sleep(5)
        await subject.admit()

    run_virtual(main())


def test_d_h19_waiters_are_admitted_an_interval_apart_in_order() -> None:
    async def main() -> list[tuple[int, float]]:
        subject, order = limiter(2, wait=True), []

        async def one(number: int) -> None:
            await subject.admit()
            order.append((number, round(now(), 6)))

        await asyncio.gather(*(one(number) for number in range(5)))
        return order

    assert run_virtual(main()) == [(0, 0.0), (1, 2.0), (2, 4.0), (3, 6.0), (4, 8.0)]


def test_d_h19_request_right_after_the_waiters_waits_too() -> None:
    async def main() -> float:
        subject = limiter(2, wait=True)
        await subject.admit()
        await subject.admit()
        await subject.admit()
        return now()

    assert run_virtual(main()) == 4.0


def test_cancelled_waiter_frees_its_place() -> None:
    async def main() -> float:
        subject = limiter(2, wait=True)
        await subject.admit()
        leaver = asyncio.create_task(subject.admit())
        stayer = asyncio.create_task(subject.admit())
        await asyncio.sleep(1)
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        await stayer
        return now()

    assert run_virtual(main()) == 2.0


def test_d_h19_withdrawn_admission_gives_the_slot_back() -> None:
    async def main() -> None:
        subject = limiter(10)
        first = await subject.admit()
        first.withdraw()
        second = await subject.admit()
        first.withdraw()
        with pytest.raises(RateLimited):
            await subject.admit()
        second.withdraw()
        await subject.admit()

    run_virtual(main())


def test_waiter_cancelled_at_the_moment_of_its_turn_passes_it_on() -> None:
    async def main() -> float:
        subject = limiter(2, wait=True)
        await subject.admit()
        leaver = asyncio.create_task(subject.admit())
        stayer = asyncio.create_task(subject.admit())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(2.0, leaver.cancel)
        await asyncio.gather(leaver, return_exceptions=True)
        await stayer
        return now()

    assert run_virtual(main()) <= 4.0


def test_a_burst_may_come_at_once_and_then_the_rate_holds() -> None:
    async def main() -> list[float]:
        subject = _made[0](10, False, 3, clock=now)
        admitted = []
        for _ in range(60):
            try:
                await subject.admit()
            except RateLimited:
                pass
            else:
                admitted.append(now())
            await asyncio.sleep(1)
        return admitted

    assert run_virtual(main()) == [0, 1, 2, 10, 20, 30, 40, 50]


def test_waiters_beyond_a_burst_come_an_interval_apart() -> None:
    async def main() -> list[tuple[int, float]]:
        subject, order = _made[0](2, True, 2, clock=now), []

        async def one(number: int) -> None:
            await subject.admit()
            order.append((number, now()))

        await asyncio.gather(*(one(number) for number in range(5)))
        await asyncio.sleep(3)
        await asyncio.gather(*(one(number) for number in range(5, 7)))
        return order

    assert run_virtual(main()) == [(0, 0.0), (1, 0.0), (2, 2.0), (3, 4.0), (4, 6.0), (5, 9.0), (6, 10.0)]


def test_a_burst_of_less_than_one_is_one() -> None:
    async def main() -> None:
        subject = _made[0](10, False, 0, clock=now)
        await subject.admit()
        with pytest.raises(RateLimited):
            await subject.admit()

    run_virtual(main())
