"""Each class of failure has a counter and one log event that names request and cause (R-59)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.http import request
from tests.support.instrumented import PATHS, ask, body_of
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection, RawResponse
from tests.support.scripted_upstream import PATIENCE, Script, ScriptedUpstream
from tests.support.servers import need, server_arguments
from tests.support.upstream_steps import data, done, end, fin, frame, head, hold, reset, whole

CHAT = "/chat/completions"
TOKEN_EXCHANGE = "/copilot_internal/v2/token"
ERROR = {"error": {"message": "The model is overloaded.", "code": "model_overloaded"}}
TIMES = ("--stream-idle-timeout", "0.5", "--first-byte-timeout", "0.5")
LIMITS = ("--max-concurrency", "1", "--verbose", *TIMES)
IDS = r"request_id=([0-9a-f-]{36})"


@dataclass(frozen=True, slots=True)
class Case:
    """What upstream does, the class it is counted under, and whom the event names."""

    kind: str
    origin: str
    script: Script
    status: int
    stream: bool = True


CASES: dict[str, Case] = {
    "r26 cut within the stream": Case("connection_lost", "network", (head(), frame("a"), fin()), 200),
    "r26 reset instead of an answer": Case("connection_lost", "network", (reset(),), 502),
    "r26 whole answer cut": Case(
        "connection_lost",
        "network",
        (head(200, [("content-type", "application/json")], framing=100), data(b"{"), fin()),
        502,
        stream=False,
    ),
    "r26 an end too early": Case("incomplete_answer", "upstream", (head(), frame("a"), end()), 200),
    "r26 an end mark alone": Case("incomplete_answer", "upstream", (head(), done(), end()), 502),
    "r27 error frame": Case("upstream_error", "upstream", (head(), frame("a"), frame(ERROR), end()), 200),
    "r27 error first": Case("upstream_error", "upstream", (head(), frame(ERROR), end()), 503),
    "r28 no JSON": Case("unusable_answer", "upstream", (head(), frame("a"), frame(b"{no"), end()), 200),
    "r28 no JSON first": Case("unusable_answer", "upstream", (head(), frame(b"{no"), end()), 502),
    "r28 a web page": Case(
        "unusable_answer", "upstream", whole(b"<html>", 200, [("content-type", "text/html")]), 502
    ),
    "r29 silence": Case("stream_silent", "upstream", (head(), frame("a"), hold()), 200),
    "r30 no head": Case("first_byte_timeout", "upstream", (hold(),), 504),
    "r37 status 500": Case("upstream_status", "upstream", whole(ERROR, 500), 500),
    "r37 status 429": Case("upstream_status", "upstream", whole(ERROR, 429), 429),
}


@dataclass(slots=True)
class Watched:
    """A gateway whose counters and log are read."""

    gateway: GatewayProcess
    upstream: ScriptedUpstream

    def counters(self) -> dict[str, int]:
        lines = request(self.gateway.url, "GET", "/metrics").text
        found = re.findall(
            r"^(copilot_api_(?:failures|upstream)\w*_total(?:\{[^}]*\})?) (\d+)$", lines, re.MULTILINE
        )
        return {name: int(value) for name, value in found}

    def ask(self, *, stream: bool = True) -> RawResponse:
        with self.connect() as connection:
            ask(connection, "chat", body_of("chat", stream=stream))
            return connection.response()

    def connect(self) -> RawConnection:
        return RawConnection(("127.0.0.1", self.gateway.port))

    def event(self, pattern: str) -> re.Match[str]:
        """Wait for an event's line, wherever it is printed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in [*self.gateway.output.lines, *self.gateway.errors.lines]:
                if found := re.search(pattern, line):
                    return found
        raise AssertionError(f"no {pattern!r} in\n{self.gateway.output.text}\n{self.gateway.errors.text}")


@pytest.fixture(scope="module", params=[("native", "native"), ("reference", "uvicorn")], ids="-".join)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    engine, server = request.param
    need(server)
    home: Path = tmp_path_factory.mktemp("home")
    arguments = ("--engine", engine, *LIMITS, *server_arguments(server))
    with ScriptedUpstream() as upstream, GatewayProcess(home, upstream.url, *arguments) as gateway:
        yield Watched(gateway, upstream)


@pytest.fixture
def watched(running: Watched) -> Watched:
    """The same, with nothing planned."""
    running.upstream.forget()
    return running


def name_of(kind: str, origin: str) -> str:
    return f'copilot_api_failures_total{{class="{kind}",origin="{origin}"}}'


def grown(before: dict[str, int], after: dict[str, int], family: str = "failures") -> dict[str, int]:
    """Return which counters of a family grew, and by how much."""
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    return {name: count for name, count in changed.items() if name.startswith(f"copilot_api_{family}_total")}


def until(condition: Callable[[], bool]) -> None:
    """Ask again until it is so: the client is answered before the gateway has counted."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_r59_class_is_counted_and_logged(watched: Watched, case: Case) -> None:
    # Of a connection that was used before, the reference cannot tell whether the request was read (D-H13).
    watched.upstream.close_idle()
    before = watched.counters()
    watched.upstream.plan(CHAT, *case.script)
    answer = watched.ask(stream=case.stream)
    assert answer.status == case.status
    name = name_of(case.kind, case.origin)
    until(lambda: watched.counters()[name] == before[name] + 1)
    assert grown(before, watched.counters()) == {name: 1}
    known = answer.header("x-request-id")
    event = watched.event(rf"failure class={case.kind} origin={case.origin} request_id={known} .*$")
    assert f'request="POST {PATHS["chat"]}" status={case.status} cause="' in event.group(0)
    # The id is the one that upstream was told.
    assert watched.upstream.attempts(CHAT)[0].header("x-request-id") == known


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_r59_client_gone(watched: Watched, how: str) -> None:
    scripts: tuple[Script, ...] = ((head(), frame("a"), hold("stop")), (head(), hold("stop")))
    before = watched.counters()
    for script in scripts:
        watched.upstream.forget()
        watched.upstream.plan(CHAT, *script)
        with watched.connect() as connection:
            ask(connection, "chat")
            attempt = watched.upstream.attempt(CHAT)
            attempt.reached("stop")
            if how == "fin":
                connection.close()
            else:
                connection.abort()
        attempt.closed()
        watched.event(
            rf"failure class=client_gone origin=client request_id={attempt.header('x-request-id')} "
        )
    name = name_of("client_gone", "client")
    until(lambda: watched.counters()[name] == before[name] + len(scripts))
    assert grown(before, watched.counters()) == {name: len(scripts)}


def test_r59_token_refused_and_repeated(watched: Watched) -> None:
    before = watched.counters()
    watched.upstream.plan(CHAT, *whole(b"unauthorized: token expired\n", 401))
    answer = watched.ask()
    assert answer.status == 200
    after = watched.counters()
    assert grown(before, after) == {name_of("token_refused", "upstream"): 1}
    assert grown(before, after, "upstream_retries") == {
        'copilot_api_upstream_retries_total{reason="token"}': 1
    }
    assert grown(before, after, "upstream_calls") == {"copilot_api_upstream_calls_total": 2}
    known = answer.header("x-request-id")
    watched.event(rf"failure class=token_refused origin=upstream request_id={known} ")
    watched.event(rf"retry reason=token request_id={known} ")


def test_r59_token_unavailable(watched: Watched) -> None:
    before = watched.counters()
    watched.upstream.always(TOKEN_EXCHANGE, *whole({"message": "down"}, 503))
    watched.upstream.plan(CHAT, *whole(b"unauthorized: token expired\n", 401))
    answer = watched.ask()
    assert answer.status == 503
    assert grown(before, watched.counters()) == {
        name_of("token_refused", "upstream"): 1,
        name_of("token_unavailable", "upstream"): 1,
    }
    known = answer.header("x-request-id")
    watched.event(rf"failure class=token_unavailable origin=upstream request_id={known} .* status=503 ")
    watched.upstream.forget()
    until(lambda: watched.ask().status == 200)


def test_r59_overloaded(watched: Watched) -> None:
    before = watched.counters()
    watched.upstream.plan(CHAT, head(), hold("stop"))
    with watched.connect() as holder:
        ask(holder, "chat")
        attempt = watched.upstream.attempt(CHAT)
        attempt.reached("stop")
        answer = watched.ask()
        assert answer.status == 503
        assert grown(before, watched.counters()) == {name_of("overloaded", "gateway"): 1}
        known = answer.header("x-request-id")
        watched.event(rf"failure class=overloaded origin=gateway request_id={known} .* status=503 ")
    attempt.closed()
    until(lambda: request(watched.gateway.url, "GET", "/health").json["requests_in_flight"] == 0)


def test_r59_ids_differ_and_upstream_s_own_passes(watched: Watched) -> None:
    first, second = watched.ask(stream=False), watched.ask(stream=False)
    ids = {first.header("x-request-id"), second.header("x-request-id")}
    assert len(ids) == 2
    assert None not in ids
    own = [("content-type", "application/json"), ("x-request-id", "of-upstream")]
    watched.upstream.plan(CHAT, *whole(ERROR, 500, own))
    answer = watched.ask()
    assert answer.header("x-request-id") == "of-upstream"
    found = watched.event(rf"failure class=upstream_status .*{IDS} upstream_request_id=of-upstream ")
    assert found.group(1) == watched.upstream.attempts(CHAT)[-1].header("x-request-id")


@pytest.mark.parametrize(("engine", "server"), [("native", "native"), ("reference", "uvicorn")])
def test_r59_connect_failed(engine: str, server: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    need(server)
    home = tmp_path_factory.mktemp("home")
    arguments = ("--engine", engine, "--verbose", *server_arguments(server))
    with ScriptedUpstream() as upstream, GatewayProcess(home, upstream.url, *arguments) as gateway:
        watched = Watched(gateway, upstream)
        before = watched.counters()
        upstream.stop_listening()
        upstream.close_idle()
        answer = watched.ask()
        assert answer.status == 502
        after = watched.counters()
        assert grown(before, after) == {name_of("connect_failed", "network"): 1}
        retries = grown(before, after, "upstream_retries")
        assert retries == {'copilot_api_upstream_retries_total{reason="connect"}': 1}
        known = answer.header("x-request-id")
        watched.event(rf"failure class=connect_failed origin=network request_id={known} .* status=502 ")
        watched.event(rf"retry reason=connect request_id={known} ")
