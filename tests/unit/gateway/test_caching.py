"""Asking the cache, waiting for equal requests, waking those that wait: both components, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from copilot_api.engine import flags
from copilot_api.engine.cache_interfaces import CACHE_PATIENCE, CacheOptions, ResponseCache
from copilot_api.engine.interfaces import RequestFacts
from copilot_api.engine.native.cache import NativeResponseCache
from copilot_api.engine.reference.cache import ReferenceResponseCache
from copilot_api.engine.switch import Switch
from copilot_api.engine.switched_cache import SwitchedResponseCache
from copilot_api.gateway.answer import Whole
from copilot_api.gateway.caching import MARK, Asker, Caching, read_cache_control
from copilot_api.gateway.errors import UpstreamFailed
from copilot_api.gateway.plan import Plan, make_plan
from copilot_api.gateway.resolver import Resolution
from copilot_api.records import replace
from copilot_api.settings import Settings
from tests.support.virtual_time import now, run_virtual

SETTINGS = replace(Settings(), cache=1 << 20, cache_ttl=60.0)
BODY = b'{"model":"gpt-4.1","temperature":0,"messages":[]}'
ANYBODY = Asker()

CacheMaker = Callable[[CacheOptions, Callable[[], None]], ResponseCache]
_makers: dict[str, CacheMaker] = {
    "reference": lambda options, _lost: ReferenceResponseCache(options, clock=now),
    "native": lambda options, _lost: NativeResponseCache(options, clock=now),
}
_maker: list[CacheMaker] = []


@pytest.fixture(params=_makers, autouse=True)
def _implementation(request: pytest.FixtureRequest) -> None:
    _maker[:] = [_makers[request.param]]


def caching(make: CacheMaker | None = None) -> Caching:
    return Caching(make or _maker[0], SETTINGS)


def plan(model: str = "gpt-4.1") -> Plan:
    return make_plan(RequestFacts("chat", len(BODY), model=model), Resolution(model, None, ""), SETTINGS)


class Upstream:
    """Answers after some seconds, each time with the number of the call; fails as often as it is told to."""

    def __init__(self, seconds: float = 1.0, failures: int = 0) -> None:
        self.calls = 0
        self.running = 0
        self.most = 0
        self._seconds = seconds
        self._failures = failures

    async def __call__(self) -> Whole:
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        call = self.calls
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.running -= 1
        if call <= self._failures:
            raise UpstreamFailed(502, f"call {call}")
        headers = (("content-type", "application/json"), ("x-ratelimit-remaining", "7"))
        return Whole(200, headers, b"answer %d" % call)


def mark(whole: Whole) -> str | None:
    return dict(whole.headers).get(MARK)


async def ask(
    subject: Caching, upstream: Callable[[], Awaitable[Whole]], caller: Asker = ANYBODY, body: bytes = BODY
) -> Whole:
    return await subject.answer(caller, body, plan(), upstream)


def test_the_second_request_is_a_hit_with_its_age() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        first = await ask(subject, upstream)
        assert (mark(first), first.body) == ("miss", b"answer 1")
        assert ("x-ratelimit-remaining", "7") in first.headers
        await asyncio.sleep(5.5)
        second = await ask(subject, upstream, body=b' {"messages":[],"temperature":0.0,"model":"gpt-4.1"}')
        assert second == Whole(
            200, (("content-type", "application/json"), ("age", "5"), (MARK, "hit")), b"answer 1"
        )
        await asyncio.sleep(55)
        assert (await ask(subject, upstream)).body == b"answer 2"

    run_virtual(main())


def test_equal_requests_at_once_make_one_call() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        answers = await asyncio.gather(*(ask(subject, upstream) for _ in range(50)))
        assert upstream.calls == 1
        assert {answer.body for answer in answers} == {b"answer 1"}
        assert [mark(answer) for answer in answers] == ["miss", *["coalesced"] * 49]
        assert now() == 1.0
        found = subject.statistics()
        assert (found.hits, found.misses, found.coalesced) == (0, 1, 49)

    run_virtual(main())


def test_others_do_not_get_it() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        asked = [
            ask(subject, upstream),
            ask(subject, upstream, Asker(key="one")),
            ask(subject, upstream, Asker(key="two")),
            ask(subject, upstream, body=BODY.replace(b"{", b'{"user":"u",')),
            subject.answer(ANYBODY, BODY, plan("gpt-4o"), upstream),
        ]
        assert [mark(answer) for answer in await asyncio.gather(*asked)] == ["miss"] * 5
        assert upstream.calls == 5

    run_virtual(main())


def test_what_is_not_kept_has_no_mark() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        for _ in range(2):
            assert mark(await ask(subject, upstream, body=b'{"temperature":0.5}')) is None
        assert upstream.calls == 2
        assert subject.statistics().misses == 0

    run_virtual(main())


def test_no_store_is_neither_read_nor_kept() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        private = Asker(cache_control="no-store")
        assert mark(await ask(subject, upstream, private)) is None
        assert mark(await ask(subject, upstream)) == "miss"
        assert (await ask(subject, upstream, private)).body == b"answer 3"
        assert (await ask(subject, upstream)).body == b"answer 2"
        # Nor does it wait for others, or others for it.
        both = [ask(subject, upstream, Asker("k", "no-store")), ask(subject, upstream, Asker("k"))]
        assert {mark(answer) for answer in await asyncio.gather(*both)} == {None, "miss"}

    run_virtual(main())


def test_no_cache_is_not_read_but_kept() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        await ask(subject, upstream)
        fresh = await ask(subject, upstream, Asker(cache_control="no-cache"))
        assert (mark(fresh), fresh.body) == ("miss", b"answer 2")
        assert (await ask(subject, upstream)).body == b"answer 2"
        await asyncio.sleep(10)
        assert mark(await ask(subject, upstream, Asker(cache_control="max-age=10"))) == "hit"
        assert mark(await ask(subject, upstream, Asker(cache_control="max-age=9"))) == "miss"

    run_virtual(main())


def test_a_waiter_that_leaves_does_not_disturb_the_others() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        tasks = [asyncio.create_task(ask(subject, upstream)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers[1], asyncio.CancelledError)
        assert [mark(answers[0]), mark(answers[2])] == ["miss", "coalesced"]  # type: ignore[arg-type]
        assert upstream.calls == 1

    run_virtual(main())


def test_a_leader_that_leaves_hands_over() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        tasks = [asyncio.create_task(ask(subject, upstream)) for _ in range(4)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        answers = await asyncio.gather(*tasks[1:])
        assert [mark(answer) for answer in answers] == ["miss", "coalesced", "coalesced"]
        assert (upstream.calls, upstream.running, now()) == (2, 0, 1.5)

    run_virtual(main())


@pytest.mark.parametrize("leader_first", [True, False])
def test_one_that_leaves_as_it_is_told_to_lead_hands_over_too(leader_first: bool) -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()
        tasks = [asyncio.create_task(ask(subject, upstream)) for _ in range(3)]
        await asyncio.sleep(0.5)
        for task in tasks[:2] if leader_first else tasks[1::-1]:
            task.cancel()
        if leader_first:
            await asyncio.sleep(0)
        assert (await tasks[2]).body == b"answer 2"
        assert upstream.calls == 2

    run_virtual(main())


def test_one_cancelled_when_it_was_already_told_to_lead_hands_over() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream(failures=1)
        tasks = [asyncio.create_task(ask(subject, upstream)) for _ in range(3)]
        # Runs right after the leader failed and before the one that it woke.
        tasks[0].add_done_callback(lambda _: tasks[1].cancel())
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers[0], UpstreamFailed)
        assert isinstance(answers[2], Whole)
        assert upstream.running == 0
        assert mark(await ask(subject, upstream)) == "hit"

    run_virtual(main())


def test_a_failure_is_the_leaders_own_and_upstream_gets_no_herd() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream(failures=2)
        asked = (ask(subject, upstream) for _ in range(20))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [str(answer) for answer in answers[:2]] == ["call 1", "call 2"]
        assert all(isinstance(answer, Whole) for answer in answers[2:])
        assert (upstream.calls, upstream.most, now()) == (3, 1, 3.0)

    run_virtual(main())


def test_nobody_waits_for_the_sum_of_all_failures() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream(seconds=CACHE_PATIENCE, failures=99)
        asked = (ask(subject, upstream) for _ in range(10))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(answer, UpstreamFailed) for answer in answers)
        assert (upstream.calls, now()) == (10, 2 * CACHE_PATIENCE)

    run_virtual(main())


def test_an_unforeseen_failure_frees_the_others_too() -> None:
    async def main() -> None:
        subject, upstream = caching(), Upstream()

        async def broken() -> Whole:
            await asyncio.sleep(1)
            raise RuntimeError

        first = asyncio.create_task(ask(subject, broken))
        await asyncio.sleep(0)
        second = await ask(subject, upstream)
        assert mark(second) == "miss"
        assert isinstance(first.exception(), RuntimeError)

    run_virtual(main())


class Panic(BaseException):
    """Looks like what PyO3 raises for a Rust panic."""


Panic.__module__ = "pyo3_runtime"


def test_a_component_that_panics_is_replaced_and_those_that_wait_ask_for_themselves() -> None:
    switch = Switch("cache", "native", "default")

    class Broken(ReferenceResponseCache):
        def settle(self, *_: object) -> None:  # type: ignore[override]
            raise Panic

    def make(options: CacheOptions, lost: Callable[[], None]) -> ResponseCache:
        return SwitchedResponseCache(
            switch, Broken(options, clock=now), lambda: ReferenceResponseCache(options, clock=now), lost
        )

    async def main() -> None:
        subject, upstream = caching(make), Upstream()
        answers = await asyncio.gather(*(ask(subject, upstream) for _ in range(4)))
        assert sorted(answer.body for answer in answers) == [b"answer %d" % call for call in (1, 2, 3, 4)]
        assert switch.state.reason == "rolled back: panic"
        assert mark(await ask(subject, upstream)) == "miss"
        assert mark(await ask(subject, upstream)) == "hit"

    run_virtual(main())


def test_the_engine_makes_what_the_flags_say() -> None:
    for native, implementation in ((("cache=off",), "reference"), ((), "native")):
        engine = flags.build_engine(replace(SETTINGS, native=native))
        subject = caching(engine.make_cache)
        assert asyncio.run(ask(subject, Upstream(0.0))).body == b"answer 1"
        report = next(report for report in engine.reports() if report.state.name == "cache")
        assert report.state.implementation == implementation


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", (True, None)),
        ("no-store", (False, None)),
        ("No-Store , no-cache", (False, 0.0)),
        ("no-cache", (True, 0.0)),
        ("max-age=0", (True, 0.0)),
        ('max-age="30"', (True, 30.0)),
        ("max-age=30, no-cache", (True, 0.0)),
        ("no-cache, max-age=30", (True, 0.0)),
        ("max-age", (True, 0.0)),
        ("max-age=-1", (True, 0.0)),
        ("max-age=x", (True, 0.0)),
        ("no-storeroom, only-if-cached, private", (True, None)),
    ],
)
def test_cache_control(value: str, expected: tuple[bool, float | None]) -> None:
    assert read_cache_control(value) == expected
