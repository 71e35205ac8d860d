"""The Copilot token in the life of a process: revoked, asleep, service down (R-43 to R-47)."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.process import recovery
from tests.process.recovery import ALL, TOKEN, ask, exchanges
from tests.support.http import request
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_steps import TOKEN as GRANT
from tests.support.upstream_steps import wait, whole

pytestmark = pytest.mark.process_faults

Pair = tuple[GatewayProcess, SimulatorServer]
LIMIT = 3.0
"""Seconds in which service is back (R-45, R-47)."""
UNAUTHORIZED = b"unauthorized: token expired\n"


@pytest.fixture(scope="module")
def started(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with (
        SimulatorServer() as simulator,
        GatewayProcess(tmp_path_factory.mktemp("home"), simulator.url, "--engine", engine) as gateway,
    ):
        yield gateway, simulator


@pytest.fixture
def pair(started: Pair) -> Iterator[Pair]:
    gateway, simulator = started
    yield started
    simulator.faults.clear()
    recovery.first_success(gateway)
    assert gateway.process.poll() is None
    assert "Traceback" not in gateway.errors.text


def test_r43_r44_fifty_requests_meet_a_revoked_token_and_cause_one_renewal(pair: Pair) -> None:
    gateway, simulator = pair
    with ThreadPoolExecutor(50) as threads:
        for _ in range(2):
            before = exchanges(simulator)
            simulator.revoke_tokens()
            simulator.faults.add(TOKEN, "slow_headers", seconds=0.4)
            answers = list(threads.map(lambda _: ask(gateway), range(50)))
            assert {answer.status for answer in answers} == {200}
            assert exchanges(simulator) == before + 1


def test_r43_a_token_that_is_never_accepted_costs_two_attempts_and_one_renewal(pair: Pair) -> None:
    gateway, simulator = pair
    path = "/chat/completions"
    simulator.faults.add(path, "status", status=401, body=UNAUTHORIZED, times=ALL)
    renewals, asked = exchanges(simulator), len(simulator.state.requests)
    assert ask(gateway).status == 401
    assert exchanges(simulator) - renewals <= 1
    assert sum(each.path == path for each in simulator.state.requests[asked:]) == 2


def test_r46_tokens_that_are_never_accepted_are_renewed_once_a_second_at_most(pair: Pair) -> None:
    gateway, simulator = pair
    simulator.faults.add("/chat/completions", "status", status=401, body=UNAUTHORIZED, times=ALL)
    renewals, began = exchanges(simulator), time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        assert {answer.status for answer in threads.map(lambda _: ask(gateway), range(12))} == {401}
    assert exchanges(simulator) - renewals <= time.monotonic() - began + 2


def test_r44_a_waiter_that_leaves_does_not_cancel_the_renewal(
    engine: str, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.forget()
    with (
        GatewayProcess(tmp_path, upstream.url, "--engine", engine) as gateway,
        ThreadPoolExecutor(8) as threads,
    ):
        refusal = (401, [("content-type", "text/plain")])
        upstream.plan("/chat/completions", *whole(UNAUTHORIZED, *refusal))
        upstream.plan(TOKEN, wait("go"), *whole({**GRANT, "token": "tid=second"}))
        leaving = RawConnection(("127.0.0.1", gateway.port))
        body = b'{"model":"gpt-4.1","messages":[{"role":"user","content":"hi"}]}'
        leaving.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        renewal = upstream.attempt(TOKEN, 1)
        staying = [threads.submit(ask, gateway) for _ in range(5)]
        # The token is refused already: they wait for the new one.
        while request(gateway.url, "GET", "/health").json["requests_in_flight"] < 6:
            pass
        leaving.abort()
        leaving.close()
        renewal.release("go")
        assert {answer.result().status for answer in staying} == {200}
        assert len(upstream.attempts(TOKEN)) == 2


@pytest.mark.recovery
@pytest.mark.parametrize("kind", ["status", "close", "html", "garbage"])
def test_r47_token_service_down_is_503_and_service_returns_with_it(pair: Pair, kind: str) -> None:
    gateway, simulator = pair
    if kind == "garbage":
        seconds = _after_garbage(gateway, simulator)
    else:
        seconds = recovery.after_token_outage(gateway, simulator, kind)
    print(f"recovery after token outage ({kind}): {seconds:.2f} s, limit {LIMIT:.0f} s")


def _after_garbage(gateway: GatewayProcess, simulator: SimulatorServer) -> float:
    simulator.revoke_tokens()
    simulator.faults.add(TOKEN, "status", status=200, body=b'{"token":', times=ALL)
    assert ask(gateway).status == 503
    simulator.faults.clear()
    return recovery.first_success(gateway)


@pytest.mark.recovery
def test_r47_under_load_nobody_hangs_and_the_token_service_is_not_hammered(pair: Pair) -> None:
    gateway, simulator = pair
    over = threading.Event()
    seen: list[int] = []

    def load() -> None:
        while not over.is_set():
            seen.append(ask(gateway).status)

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(load) for _ in range(8)]
        try:
            before, began = exchanges(simulator), time.monotonic()
            simulator.revoke_tokens()
            simulator.faults.add(TOKEN, "status", status=502, body=b"down", times=ALL)
            assert simulator.state.wait_for(lambda: exchanges(simulator) >= before + 3, 60)
            assert exchanges(simulator) - before <= time.monotonic() - began + 2
            simulator.faults.clear()
            seconds = recovery.first_success(gateway)
        finally:
            over.set()
        for each in running:
            each.result()
    assert set(seen) <= {200, 503}
    assert 503 in seen
    print(f"recovery after token outage under load: {seconds:.2f} s, limit {LIMIT:.0f} s")


@pytest.mark.recovery
def test_r45_first_request_after_sleep_succeeds(pair: Pair) -> None:
    seconds = recovery.after_sleep(*pair)
    print(f"first answer after sleep with a revoked token: {seconds:.2f} s, limit {LIMIT:.0f} s")


def test_r47_at_start_it_keeps_trying_and_says_so(engine: str, tmp_path: Path) -> None:
    with SimulatorServer() as simulator:
        simulator.faults.add(TOKEN, "status", status=503, body=b"maintenance", times=2)
        with GatewayProcess(tmp_path, simulator.url, "--engine", engine) as gateway:
            assert ask(gateway).status == 200
            assert exchanges(simulator) == 3
            assert "GitHub answered 503: maintenance; trying again in 1 s" in gateway.errors.text


def test_r47_at_start_a_refused_credential_is_one_line(engine: str, tmp_path: Path) -> None:
    with SimulatorServer() as simulator:
        simulator.faults.add(TOKEN, "status", status=401, body=b'{"message":"Bad credentials"}', times=ALL)
        gateway = GatewayProcess(tmp_path, simulator.url, "--engine", engine)
        done = subprocess.run(
            gateway.command, env=gateway.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        (line,) = [line for line in done.stderr.split("\n") if line.strip()]
        assert "copilot-api auth" in line
        assert exchanges(simulator) == 1


ODD = {
    "zero": 0,
    "negative": -60,
    "huge": 10**18,
    "fraction": 1e-9,
    "string": "1500",
    "words": "soon",
    "null": None,
    "list": [],
    "missing": ...,
}


@pytest.mark.parametrize("odd", ODD)
def test_r46_a_grant_with_absurd_times_starts_and_serves(
    engine: str, upstream: ScriptedUpstream, tmp_path: Path, odd: str
) -> None:
    """The loop over time is shown in virtual time (`tests/unit/engine/test_token.py`)."""
    if engine == "reference" and odd not in ("negative", "words"):
        pytest.skip("what the answer says is read before any engine: two cases show that it arrives")
    upstream.forget()
    times = {} if ODD[odd] is ... else {"refresh_in": ODD[odd], "expires_at": ODD[odd]}
    upstream.always(TOKEN, *whole({"token": "tid=odd", **times}))
    with GatewayProcess(tmp_path, upstream.url, "--engine", engine) as gateway:
        for _ in range(20):
            assert ask(gateway).status == 200
        assert len(upstream.attempts(TOKEN)) == 1
