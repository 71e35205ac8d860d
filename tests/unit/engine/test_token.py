"""Both token managers: D-R1 to D-R4, R-43 to R-47, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Self

import pytest

from copilot_api.engine.client_interfaces import Relay, UpstreamCall
from copilot_api.engine.interfaces import (
    ConnectFailed,
    StreamPlan,
    TokenFetch,
    TokenGrant,
    TokenRefused,
    TokenUnavailable,
)
from copilot_api.engine.native import NativeTokenManager
from copilot_api.engine.reference.token import Clocks, ReferenceTokenManager, life_of
from copilot_api.github.token_exchange import exchange_token
from copilot_api.redaction import Secret
from copilot_api.settings import Settings
from tests.support.virtual_time import now, run_virtual


class Exchange:
    """A scripted token exchange: counts calls, hands out t1, t2, …"""

    def __init__(self, refresh_in: float | None = 1500, delay: float = 0.0) -> None:
        self.calls: list[float] = []
        self.refresh_in = refresh_in
        self.delay = delay
        self.failure: Exception | None = None

    async def __call__(self) -> TokenGrant:
        self.calls.append(now())
        number = len(self.calls)
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.failure is not None:
            raise self.failure
        return TokenGrant(Secret(f"t{number}"), self.refresh_in)


Subject = ReferenceTokenManager | NativeTokenManager
_native = [False]


@pytest.fixture(params=["reference", "native"], autouse=True)
def _implementation(request: pytest.FixtureRequest) -> None:
    _native[0] = request.param == "native"


def manager(exchange: Exchange, wall: Callable[[], float] | None = None) -> Subject:
    return manager_of(exchange, wall)


def manager_of(fetch: TokenFetch, wall: Callable[[], float] | None = None) -> Subject:
    if _native[0]:
        return NativeTokenManager(fetch, now, wall or now, jitter=lambda: 1.0)
    clocks = Clocks(monotonic=now, wall=wall or now)
    return ReferenceTokenManager(fetch, clocks, jitter=lambda: 1.0)


class Answering:
    """A client whose every answer is this text; also the answer."""

    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, text: str) -> None:
        self._text = text

    async def request(self, _call: UpstreamCall) -> Self:
        return self

    async def read(self, _limit: int) -> bytes:
        return self._text.encode()

    def relay(self, plan: StreamPlan) -> Relay:
        raise NotImplementedError

    async def aclose(self) -> None:
        return


async def value(subject: Subject) -> str:
    return (await subject.get()).token.reveal()


def test_d_r1_failed_renewal_keeps_the_old_token_until_it_expires() -> None:
    async def main() -> None:
        exchange = Exchange()
        subject = manager(exchange)
        assert await value(subject) == "t1"
        exchange.failure = ConnectFailed("network down")
        await asyncio.sleep(1500)
        assert len(exchange.calls) > 1
        assert await value(subject) == "t1"
        await asyncio.sleep(100)
        with pytest.raises(TokenUnavailable) as caught:
            await subject.get()
        assert not caught.value.permanent
        exchange.failure = None
        assert (await value(subject)).startswith("t")
        await subject.aclose()

    run_virtual(main())


def test_r47_back_off_grows_from_one_second_to_a_minute() -> None:
    async def main() -> list[float]:
        exchange = Exchange()
        subject = manager(exchange)
        await subject.get()
        exchange.failure = ConnectFailed("network down")
        await asyncio.sleep(1500)
        await subject.aclose()
        times = exchange.calls[1:]
        return [round(late - early) for early, late in itertools.pairwise(times)]

    gaps = run_virtual(main())
    assert gaps[:6] == [1, 2, 4, 8, 16, 32]
    assert set(gaps[6:]) == {60}


@pytest.mark.parametrize("refresh_in", [0, -5, None, 1, 60, 61, 10**12])
def test_d_r2_r46_odd_refresh_in_never_loops(refresh_in: float | None) -> None:
    async def main() -> int:
        exchange = Exchange(refresh_in)
        subject = manager(exchange)
        await subject.get()
        await asyncio.sleep(300)
        await subject.get()
        await subject.aclose()
        return len(exchange.calls)

    assert run_virtual(main()) <= 300 / 30 + 1


@pytest.mark.parametrize("field", ["refresh_in", "expires_at"])
@pytest.mark.parametrize("odd", [0, -60, 10**18, 1e-9, "1500", "soon", "-1", None, [], {}, True, "NaN", ...])
def test_r46_absurd_answers_of_github_never_loop(odd: object, field: str) -> None:
    """From the answer's text to the timer, for ten minutes with a request each second."""

    async def main() -> int:
        calls = 0
        answer: dict[str, object] = {"token": "t", "refresh_in": 1500, "expires_at": 1_700_000_000}
        if odd is ...:
            del answer[field]
        else:
            answer[field] = odd

        async def fetch() -> TokenGrant:
            nonlocal calls
            calls += 1
            return await exchange_token(Answering(json.dumps(answer)), Settings(), Secret("ghu_x"))

        subject = manager_of(fetch)
        for _ in range(600):
            await subject.get()
            await asyncio.sleep(1)
        await subject.aclose()
        return calls

    assert run_virtual(main()) <= 600 / 30 + 1


def test_r46_r47_attempts_are_a_second_apart_whoever_asks() -> None:
    async def main() -> None:
        exchange = Exchange()
        subject = manager(exchange)
        exchange.failure = ConnectFailed("network down")
        for _ in range(200):
            with pytest.raises(TokenUnavailable):
                await subject.get()
            await asyncio.sleep(0.01)
        assert now() >= 199
        assert all(late - early >= 1 for early, late in itertools.pairwise(exchange.calls))
        exchange.failure = None
        began = now()
        assert (await value(subject)).startswith("t")
        assert now() - began <= 1
        # Also when each token is refused as soon as it came.
        for _ in range(10):
            subject.reject(await subject.get())
        assert all(late - early >= 1 for early, late in itertools.pairwise(exchange.calls))
        await subject.aclose()

    run_virtual(main())


def test_renews_at_four_fifths_of_the_life() -> None:
    async def main() -> list[float]:
        exchange = Exchange()
        subject = manager(exchange)
        await subject.get()
        await asyncio.sleep(1250)
        await subject.aclose()
        return exchange.calls

    assert run_virtual(main()) == [0.0, 1200.0]


def test_d_r4_each_answer_sets_the_next_renewal() -> None:
    async def main() -> list[float]:
        exchange = Exchange()
        subject = manager(exchange)
        await subject.get()
        exchange.refresh_in = 500
        await asyncio.sleep(1700)
        await subject.aclose()
        return exchange.calls

    assert run_virtual(main()) == [0.0, 1200.0, 1600.0]


def test_r44_fifty_requests_cause_one_exchange() -> None:
    async def main() -> None:
        exchange = Exchange(delay=0.4)
        subject = manager(exchange)
        grants = await asyncio.gather(*(subject.get() for _ in range(50)))
        assert {grant.token.reveal() for grant in grants} == {"t1"}
        subject.reject(grants[0])
        again = await asyncio.gather(*(subject.get() for _ in range(50)))
        for grant in grants:
            subject.reject(grant)
        assert {grant.token.reveal() for grant in again} == {"t2"}
        assert await value(subject) == "t2"
        assert len(exchange.calls) == 2
        await subject.aclose()

    run_virtual(main())


def test_r44_a_waiter_that_leaves_does_not_cancel_the_others() -> None:
    async def main() -> None:
        exchange = Exchange(delay=1)
        subject = manager(exchange)
        leaver = asyncio.create_task(subject.get())
        stayer = asyncio.create_task(subject.get())
        await asyncio.sleep(0.5)
        leaver.cancel()
        assert (await stayer).token.reveal() == "t1"
        assert len(exchange.calls) == 1
        await subject.aclose()

    run_virtual(main())


def test_d_r3_r45_token_that_expired_while_the_lid_was_closed_is_renewed() -> None:
    async def main() -> None:
        slept = 0.0
        exchange = Exchange()
        subject = manager(exchange, wall=lambda: now() + slept)
        assert await value(subject) == "t1"
        slept = 2 * 3600
        assert await value(subject) == "t2"
        await subject.aclose()

    run_virtual(main())


@pytest.mark.parametrize("skew", [-24 * 3600, 24 * 3600])
def test_r45_wall_clock_set_by_a_day_changes_nothing(skew: float) -> None:
    async def main() -> int:
        shift = 0.0
        exchange = Exchange()
        subject = manager(exchange, wall=lambda: now() + shift)
        await subject.get()
        shift = skew
        await subject.get()
        await subject.aclose()
        return len(exchange.calls)

    assert run_virtual(main()) == 1


def test_r47_request_waits_five_seconds_at_most() -> None:
    async def main() -> None:
        subject = manager(Exchange(delay=60))
        with pytest.raises(TokenUnavailable) as caught:
            await subject.get()
        assert now() == 5.0
        assert caught.value.__cause__ is None
        await subject.aclose()

    run_virtual(main())


def test_refused_credential_is_permanent() -> None:
    async def main() -> None:
        exchange = Exchange()
        exchange.failure = TokenRefused("Bad credentials: run `copilot-api auth`")
        subject = manager(exchange)
        with pytest.raises(TokenUnavailable, match="copilot-api auth") as caught:
            await subject.get()
        assert caught.value.permanent
        await asyncio.sleep(600)
        assert len(exchange.calls) == 1
        await subject.aclose()

    run_virtual(main())


def test_life_is_bounded() -> None:
    def life(refresh_in: float | None) -> float:
        return life_of(TokenGrant(Secret("t"), refresh_in))

    assert life(1500) == 1560
    assert life(None) == life(-1) == 1500
    assert life(10**9) == 86400
    assert life(1) == 61
