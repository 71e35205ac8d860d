"""Places for requests in flight, both implementations (R-60)."""

from __future__ import annotations

import asyncio

import pytest

from copilot_api.engine.interfaces import NoPlace
from copilot_api.engine.native.concurrency import NativeConcurrency
from copilot_api.engine.reference.concurrency import ReferenceConcurrency
from tests.support.virtual_time import now, run_virtual

Subject = ReferenceConcurrency | NativeConcurrency
_made: list[type[Subject]] = [ReferenceConcurrency]


@pytest.fixture(params=[ReferenceConcurrency, NativeConcurrency], autouse=True)
def _implementation(request: pytest.FixtureRequest) -> None:
    _made[0] = request.param


def places(limit: int, longest_queue: int = 100, patience: float = 0.0) -> Subject:
    return _made[0](limit, longest_queue, patience, clock=now)


async def enter(subject: Subject) -> None:
    if not subject.try_enter():
        await subject.wait()


def test_without_patience_those_beyond_are_refused_at_once() -> None:
    async def main() -> None:
        subject = places(2)
        await enter(subject)
        await enter(subject)
        with pytest.raises(NoPlace):
            await enter(subject)
        assert (subject.in_flight, subject.waiting, now()) == (2, 0, 0.0)
        subject.leave()
        await enter(subject)
        subject.leave()
        subject.leave()
        assert subject.in_flight == 0

    run_virtual(main())


def test_waiters_enter_in_order_and_never_too_many() -> None:
    async def main() -> list[tuple[int, float]]:
        subject, order, most = places(2, patience=60), [], 0

        async def one(number: int) -> None:
            nonlocal most
            await enter(subject)
            order.append((number, now()))
            most = max(most, subject.in_flight)
            await asyncio.sleep(1)
            subject.leave()

        await asyncio.gather(*(one(number) for number in range(6)))
        assert (most, subject.in_flight, subject.waiting) == (2, 0, 0)
        return order

    assert run_virtual(main()) == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 1.0), (4, 2.0), (5, 2.0)]


def test_waiting_ends_and_the_queue_has_an_end() -> None:
    async def main() -> None:
        subject = places(1, longest_queue=2, patience=5)
        await enter(subject)
        first = asyncio.create_task(enter(subject))
        await asyncio.sleep(2)
        second = asyncio.create_task(enter(subject))
        await asyncio.sleep(0)
        with pytest.raises(NoPlace):
            await enter(subject)
        assert now() == 2.0
        with pytest.raises(NoPlace):
            await first
        assert now() == 5.0
        await asyncio.sleep(1)
        subject.leave()
        await second
        assert now() == 6.0
        await asyncio.sleep(10)
        assert subject.in_flight == 1

    run_virtual(main())


def test_a_waiter_that_leaves_frees_its_turn() -> None:
    async def main() -> None:
        subject = places(1, longest_queue=2, patience=60)
        await enter(subject)
        leaver = asyncio.create_task(enter(subject))
        stayer = asyncio.create_task(enter(subject))
        await asyncio.sleep(1)
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        assert subject.waiting == 1
        subject.leave()
        await stayer
        assert (subject.in_flight, now()) == (1, 1.0)

    run_virtual(main())


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_a_waiter_cancelled_at_the_moment_of_its_turn_passes_it_on(cancelled_first: bool) -> None:
    async def main() -> None:
        subject = places(1, patience=60)
        await enter(subject)
        leaver = asyncio.create_task(enter(subject))
        stayer = asyncio.create_task(enter(subject))
        await asyncio.sleep(1)
        acts = [leaver.cancel, subject.leave] if cancelled_first else [subject.leave, leaver.cancel]
        for act in acts:
            act()
        await stayer
        assert leaver.cancelled()
        assert subject.in_flight == 1
        subject.leave()
        assert subject.in_flight == 0

    run_virtual(main())


def test_nobody_slips_in_before_a_waiter() -> None:
    async def main() -> None:
        subject = places(1, patience=60)
        await enter(subject)
        waiter = asyncio.create_task(enter(subject))
        await asyncio.sleep(0)
        subject.leave()
        assert not subject.try_enter()
        await waiter

    run_virtual(main())
