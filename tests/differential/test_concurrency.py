"""Both counters of places through the same arrivals and departures, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Concurrency, NoPlace
from copilot_api.engine.native.concurrency import NativeConcurrency
from copilot_api.engine.reference.concurrency import ReferenceConcurrency
from tests.differential.comparing import examples, no_time_limit
from tests.support.virtual_time import now, run_virtual

pytestmark = no_time_limit

# Quarters of a second are exact in binary: both clocks add up to the same.
quarters = st.integers(0, 16).map(lambda number: number / 4)
arrivals = st.lists(
    st.fixed_dictionaries({"at": quarters, "gone_after": st.none() | quarters, "stays": quarters}),
    max_size=14,
)


def history(places: Concurrency, limit: int, requests: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what happened to each request, with the time, in the order in which it happened."""
    events: list[tuple[Any, ...]] = []

    def note(number: int, what: str) -> None:
        events.append((number, what, now(), places.in_flight, places.waiting))
        assert places.in_flight <= limit

    async def one(number: int, request: dict[str, Any]) -> None:
        await asyncio.sleep(request["at"])
        try:
            async with asyncio.timeout(request["gone_after"]):
                if not places.try_enter():
                    await places.wait()
        except NoPlace:
            note(number, "refused")
            return
        except TimeoutError:
            note(number, "gone")
            return
        note(number, "entered")
        await asyncio.sleep(request["stays"])
        places.leave()
        note(number, "left")

    async def main() -> None:
        await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))

    run_virtual(main())
    assert (places.in_flight, places.waiting) == (0, 0)
    return events


@examples(200)
@given(
    limit=st.integers(1, 3),
    longest=st.integers(1, 4),
    patience=st.sampled_from([0.0, 0.5, 2.0]),
    requests=arrivals,
)
def test_the_same_happens(limit: int, longest: int, patience: float, requests: list[dict[str, Any]]) -> None:
    reference = history(ReferenceConcurrency(limit, longest, patience, clock=now), limit, requests)
    native = history(NativeConcurrency(limit, longest, patience, clock=now), limit, requests)
    assert native == reference
