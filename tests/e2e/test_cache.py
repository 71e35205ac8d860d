"""`--cache`, `--queue-timeout` and `--rate-burst` over the real process and the simulator."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, request
from tests.support.process import GatewayProcess

CHAT = {"model": "gpt-4.1", "temperature": 0, "messages": [{"role": "user", "content": "hello"}]}
MESSAGES = {**CHAT, "max_tokens": 50}
EMBEDDINGS = {"model": "text-embedding-3-small", "input": ["hello"]}
MARK = "x-copilot-api-cache"
KEYS = [{"x-api-key": key} for key in ("key-of-one", "key-of-two")]


@pytest.fixture(scope="module", params=["native", "reference"])
def cached(
    request: pytest.FixtureRequest, simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    home = tmp_path_factory.mktemp("home")
    keys = ("--api-key", KEYS[0]["x-api-key"], "--api-key", KEYS[1]["x-api-key"])
    with GatewayProcess(home, simulator.url, "--cache", "1M", "--engine", request.param, *keys) as process:
        yield process


@pytest.fixture(autouse=True)
def _fresh(simulator: SimulatorServer) -> None:
    simulator.state.reset()
    simulator.faults.clear()


def post(gateway: GatewayProcess, path: str, body: Any, key: int = 0, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(gateway.url, "POST", path, body, {**KEYS[key], **named})


def calls(simulator: SimulatorServer, path: str = "/chat/completions") -> int:
    return sum(entry.path == path for entry in simulator.state.requests)


def health(gateway: GatewayProcess) -> Any:
    return request(gateway.url, "GET", "/health", headers=KEYS[0]).json


@contextmanager
def hold(
    gateway: GatewayProcess, simulator: SimulatorServer, body: Any
) -> Iterator[http.client.HTTPConnection]:
    """Send a request, wait until upstream has it, and read no answer; closing is the client's leaving."""
    simulator.faults.add("/chat/completions", "slow_headers", seconds=60.0)
    before = calls(simulator)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    with closing(connection):
        headers = {**KEYS[0], "content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        assert simulator.state.wait_for(lambda: calls(simulator) > before, 20)
        yield connection


def until(condition: Callable[[], bool]) -> None:
    """Ask again until it is so; each time costs a request, and the suite's time limit ends it."""
    while not condition():
        pass


@pytest.mark.parametrize(
    ("path", "leg", "body"),
    [
        ("/v1/chat/completions", "/chat/completions", CHAT),
        ("/v1/messages", "/chat/completions", MESSAGES),
        ("/v1/embeddings", "/embeddings", EMBEDDINGS),
    ],
)
def test_the_second_answer_comes_from_the_cache(
    cached: GatewayProcess, simulator: SimulatorServer, path: str, leg: str, body: dict[str, Any]
) -> None:
    first = post(cached, path, body)
    assert (first.status, first.headers[MARK]) == (200, "miss")
    respelled = json.dumps(dict(reversed(body.items())), indent=2).replace(": 0,", ": 0.0e1,")
    second = post(cached, path, respelled.encode())
    assert (second.status, second.headers[MARK]) == (200, "hit")
    assert second.headers["age"].isdigit()
    assert second.headers["content-type"] == "application/json"
    assert second.body == first.body
    assert calls(simulator, leg) == 1
    other = post(cached, path, body, key=1)
    assert (other.headers[MARK], calls(simulator, leg)) == ("miss", 2)


def test_clients_can_decline(cached: GatewayProcess, simulator: SimulatorServer) -> None:
    body = {**CHAT, "user": "declines"}
    assert MARK not in post(cached, "/v1/chat/completions", body, cache_control="no-store").headers
    assert post(cached, "/v1/chat/completions", body).headers[MARK] == "miss"
    assert MARK not in post(cached, "/v1/chat/completions", body, cache_control="no-store").headers
    assert post(cached, "/v1/chat/completions", body, cache_control="no-cache").headers[MARK] == "miss"
    assert calls(simulator) == 4
    assert post(cached, "/v1/chat/completions", body).headers[MARK] == "hit"
    assert calls(simulator) == 4


@pytest.mark.parametrize("change", [{"temperature": 0.1}, {"temperature": None}, {"stream": True}])
def test_the_rest_is_not_kept(
    cached: GatewayProcess, simulator: SimulatorServer, change: dict[str, Any]
) -> None:
    for _ in range(2):
        answer = post(cached, "/v1/chat/completions", {**CHAT, **change})
        assert answer.status == 200
        assert MARK not in answer.headers
    assert calls(simulator) == 2


def test_errors_are_not_kept(cached: GatewayProcess, simulator: SimulatorServer) -> None:
    body = {**CHAT, "user": "errors"}
    simulator.faults.add("/chat/completions", "status", status=500, body=b'{"error":{"message":"no"}}')
    failed = post(cached, "/v1/chat/completions", body)
    assert failed.status == 500
    assert MARK not in failed.headers
    assert post(cached, "/v1/chat/completions", body).headers[MARK] == "miss"


def test_equal_requests_at_once_make_one_call(cached: GatewayProcess, simulator: SimulatorServer) -> None:
    body = {**CHAT, "user": "at once"}
    before = health(cached)["cache"]["coalesced"]
    simulator.faults.add("/chat/completions", "slow_headers", seconds=0.5)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: post(cached, "/v1/chat/completions", body), range(20)))
    assert calls(simulator) == 1
    assert len({answer.body for answer in answers}) == 1
    # Those that came late, on a busy machine, are hits.
    marks = [answer.headers[MARK] for answer in answers]
    assert marks.count("miss") == 1
    assert marks.count("coalesced") == health(cached)["cache"]["coalesced"] - before


def test_a_client_that_leaves_hands_over_to_one_that_waits(
    cached: GatewayProcess, simulator: SimulatorServer
) -> None:
    body = {**CHAT, "user": "leaves"}
    with ThreadPoolExecutor(5) as threads, hold(cached, simulator, body) as leader:
        waiters = [threads.submit(post, cached, "/v1/chat/completions", body) for _ in range(5)]
        until(lambda: health(cached)["cache"]["waiting"] == 5)
        assert calls(simulator) == 1
        leader.close()
        marks = sorted(waiter.result(60).headers[MARK] for waiter in waiters)
    assert marks == [*["coalesced"] * 4, "miss"]
    assert calls(simulator) == 2
    first = next(entry for entry in simulator.state.requests if entry.path == "/chat/completions")
    assert simulator.state.wait_for(lambda: first.client_gone)


def test_metrics_tell(cached: GatewayProcess) -> None:
    for mark in ("miss", "hit"):
        body = {**CHAT, "user": "metrics"}
        assert post(cached, "/v1/chat/completions", body).headers[MARK] == mark
    found = health(cached)["cache"]
    assert found["entries"] > 0
    assert 0 < found["bytes"] <= 1 << 20
    text = request(cached.url, "GET", "/metrics", headers=KEYS[0]).text
    for line in ('cache_requests_total{result="hit"}', "cache_evictions_total", "cache_bytes"):
        assert f"\ncopilot_api_{line} " in text
    assert "key-of-" not in text


def test_without_the_option_there_is_no_trace(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    for _ in range(2):
        assert MARK not in request(gateway.url, "POST", "/v1/chat/completions", CHAT).headers
    assert calls(simulator) == 2
    assert "cache" not in request(gateway.url, "GET", "/health").json


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_request_beyond_the_limit_waits_for_a_place(
    simulator: SimulatorServer, tmp_path: Path, engine: str
) -> None:
    options = ("--max-concurrency", "1", "--queue-timeout", "60", "--max-queue", "1", "--engine", engine)
    with (
        GatewayProcess(tmp_path, simulator.url, *options) as gateway,
        ThreadPoolExecutor(1) as threads,
        hold(gateway, simulator, CHAT) as holder,
    ):
        waiter = threads.submit(request, gateway.url, "POST", "/v1/chat/completions", CHAT)
        until(lambda: health(gateway)["requests_waiting"] == 1)
        refused = request(gateway.url, "POST", "/v1/chat/completions", CHAT)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert calls(simulator) == 1
        holder.close()  # its place passes on
        assert waiter.result(60).status == 200
        until(lambda: health(gateway)["requests_in_flight"] == 0)


def test_waiting_for_a_place_ends(simulator: SimulatorServer, tmp_path: Path) -> None:
    options = ("--max-concurrency", "1", "--queue-timeout", "0.05")
    with GatewayProcess(tmp_path, simulator.url, *options) as gateway, hold(gateway, simulator, CHAT):
        assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 503


def test_a_burst_passes_the_rate_limit(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--rate-limit", "600", "--rate-burst", "3") as gateway:
        statuses = [request(gateway.url, "POST", "/v1/chat/completions", CHAT).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
