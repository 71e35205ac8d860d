"""Both limiters through the same arrivals, departures and withdrawals, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Limiter, RateLimited
from copilot_api.engine.native import NativeLimiter
from copilot_api.engine.reference.limiter import ReferenceLimiter
from tests.differential.comparing import examples, no_time_limit
from tests.support.virtual_time import now, run_virtual

pytestmark = no_time_limit

# Quarters of a second are exact in binary: both clocks add up to the same.
quarters = st.integers(0, 24).map(lambda number: number / 4)
arrivals = st.lists(
    st.fixed_dictionaries(
        {
            "at": quarters,
            "gone_after": st.none() | quarters,
            "withdraws_after": st.none() | quarters,
        }
    ),
    max_size=12,
)


def history(limiter: Limiter, requests: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what happened to each request, with the time, in the order in which it happened."""
    events: list[tuple[Any, ...]] = []

    async def one(number: int, request: dict[str, Any]) -> None:
        await asyncio.sleep(request["at"])
        try:
            async with asyncio.timeout(request["gone_after"]):
                admission = await limiter.admit()
        except RateLimited as limited:
            events.append((number, "refused", limited.wait, now()))
            return
        except TimeoutError:
            events.append((number, "gone", now()))
            return
        events.append((number, "admitted", now()))
        if request["withdraws_after"] is not None:
            await asyncio.sleep(request["withdraws_after"])
            admission.withdraw()

    async def main() -> None:
        await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))

    run_virtual(main())
    return events


@examples(200)
@given(
    interval=st.sampled_from([None, 0.0, 0.5, 1.0, 2.25]),
    wait=st.booleans(),
    burst=st.sampled_from([1, 1, 2, 3, 7]),
    requests=arrivals,
)
def test_the_same_happens(
    interval: float | None, wait: bool, burst: int, requests: list[dict[str, Any]]
) -> None:
    reference = history(ReferenceLimiter(interval, wait, burst, clock=now), requests)
    native = history(NativeLimiter(interval, wait, burst, clock=now), requests)
    assert native == reference


@examples(200)
@given(
    interval=st.sampled_from([0.5, 1.0, 2.25]),
    wait=st.booleans(),
    burst=st.integers(1, 4),
    requests=arrivals,
)
def test_no_time_sees_more_than_burst_and_rate(
    interval: float, wait: bool, burst: int, requests: list[dict[str, Any]]
) -> None:
    requests = [{**request, "withdraws_after": None} for request in requests]
    happened = history(NativeLimiter(interval, wait, burst, clock=now), requests)
    times = [event[2] for event in happened if event[1] == "admitted"]
    for first, start in enumerate(times):
        for last, end in enumerate(times[first:], first):
            assert last - first + 1 <= burst + (end - start) / interval
