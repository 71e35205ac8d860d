"""Requests that our own server carries: clients that leave, limits, tokens, keys, the end (ADR 0021).

What is answered, and how, is in `tests.differential.test_standing`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.github.credentials import data_directory
from tests.support.http import request
from tests.support.instrumented import InstrumentedGateway
from tests.support.keyed import KeyedGateway
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.servers import need_native
from tests.support.upstream_failures import read_chat
from tests.support.upstream_steps import done, end, finish, frame, head, hold, wait, whole

CHAT = "/chat/completions"
PATH = f"/v1{CHAT}"
BODY: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
STREAM = BODY | {"stream": True}
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _native() -> None:
    need_native("Standing")


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """A fresh scripted upstream."""
    with ScriptedUpstream() as scripted:
        yield scripted


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that tells of itself by being there."""
    finish_by = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < finish_by
        time.sleep(0.02)


def post(gateway: GatewayProcess, body: dict[str, Any] = BODY, **headers: str) -> int:
    return request(gateway.url, "POST", PATH, body, headers).status


def health(gateway: GatewayProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request(gateway.url, "GET", "/health").body)
    return found


def carried(gateway: GatewayProcess) -> int:
    count: int = health(gateway)["standing"]["carried"]
    return count


def warm(gateway: GatewayProcess, body: dict[str, Any] = BODY) -> None:
    """Have a decision stand, and see it used."""
    before = carried(gateway)
    for _ in range(2):
        assert post(gateway, body) == 200
    assert carried(gateway) == before + 1


@contextlib.contextmanager
def asking(gateway: GatewayProcess, body: dict[str, Any] = BODY) -> Iterator[RawConnection]:
    with RawConnection(("127.0.0.1", gateway.port), timeout=60) as connection:
        sent = json.dumps(body).encode()
        connection.request("POST", PATH, ("Content-Type", "application/json"), body=sent)
        yield connection


def outcomes(home: Path) -> list[tuple[str, int, int]]:
    """Of the ledger, after the gateway has ended."""
    with contextlib.closing(sqlite3.connect(data_directory(home) / "ledger.sqlite")) as connection:
        return list(connection.execute("SELECT outcome, status, attempts FROM requests ORDER BY at, id"))


def test_r32_a_client_that_leaves_closes_upstream(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with GatewayProcess(tmp_path, upstream.url) as gateway:
        warm(gateway)
        warm(gateway, STREAM)
        upstream.forget()
        upstream.always(CHAT, hold())
        with asking(gateway) as connection:
            upstream.attempt(CHAT, 0).reached("hold")
            connection.abort()
        upstream.attempt(CHAT, 0).closed()
        upstream.always(CHAT, head(), frame("some"), hold())
        with asking(gateway, STREAM) as connection:
            connection.head()
            connection.chunk()
            connection.abort()
        upstream.attempt(CHAT, 1).closed()
        until(lambda: health(gateway)["requests_in_flight"] == 0)
        until(lambda: carried(gateway) == 4)
        lines = request(gateway.url, "GET", "/metrics").body.decode()
        assert 'copilot_api_failures_total{class="client_gone",origin="client"} 2' in lines
    assert outcomes(tmp_path)[-2:] == [("client_gone", 0, 0), ("client_gone", 200, 1)]


def test_r60_places_are_shared_with_what_python_decides(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    limits = ("--max-concurrency", "1", "--queue-timeout", "60")
    with GatewayProcess(tmp_path, upstream.url, *limits) as gateway:
        warm(gateway)
        upstream.forget()
        upstream.plan(CHAT, wait("go"), *whole({"choices": [{"message": {"content": "x"}}]}))
        with asking(gateway) as first:
            upstream.attempt(CHAT, 0).reached("go")
            assert health(gateway)["requests_in_flight"] == 1
            with asking(gateway) as second:
                until(lambda: health(gateway)["requests_waiting"] == 1)
                assert len(upstream.attempts(CHAT)) == 1
                upstream.attempt(CHAT, 0).release("go")
                assert first.response().status == 200
                assert second.response().status == 200
        facts = health(gateway)
        assert (facts["requests_in_flight"], facts["requests_waiting"]) == (0, 0)


def test_r60_without_a_queue_the_one_beyond_is_refused(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with GatewayProcess(tmp_path, upstream.url, "--max-concurrency", "1") as gateway:
        warm(gateway)
        upstream.forget()
        upstream.plan(CHAT, head(), wait("go"), hold())
        with asking(gateway):
            upstream.attempt(CHAT, 0).reached("go")
            assert post(gateway) == 503


def test_r43_a_refused_token_is_renewed_and_the_request_sent_again(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    with GatewayProcess(tmp_path, upstream.url) as gateway:
        warm(gateway)
        upstream.forget()
        upstream.plan(CHAT, *whole({"error": {"message": "token expired"}}, 401))
        assert post(gateway) == 200
        assert len(upstream.attempts(CHAT)) == 2
        assert len(upstream.attempts("/copilot_internal/v2/token")) == 1
        assert health(gateway)["standing"]["returned"] == 1
        lines = request(gateway.url, "GET", "/metrics").body.decode()
        assert 'copilot_api_upstream_retries_total{reason="token"} 1' in lines
        warm(gateway)
    assert outcomes(tmp_path)[2] == ("complete", 200, 2)


def test_r09_the_first_key_ends_what_stood_without_one(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with KeyedGateway(tmp_path, upstream.url) as gateway:
        warm(gateway)
        key = gateway.keys.add("first")
        until(lambda: request(gateway.url, "POST", PATH, BODY).status == 401)
        before = len(upstream.attempts(CHAT))
        assert post(gateway) == 401
        assert len(upstream.attempts(CHAT)) == before
        for _ in range(3):
            assert post(gateway, authorization=f"Bearer {key}") == 200
        facts = json.loads(request(gateway.url, "GET", "/health", None, {"x-api-key": key}).body)
        assert facts["standing"]["decisions"] == 0, "who has a key is looked at each time"


def test_r55_a_panic_ends_carrying_and_costs_no_request(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with InstrumentedGateway(tmp_path, upstream.url) as gateway:
        warm(gateway)
        assert request(gateway.url, "GET", "/", None, {"x-test-panic": "standing"}).status == 200
        assert post(gateway) == 200
        facts = health(gateway)
        assert facts["engine"]["standing"]["implementation"] == "reference"
        assert facts["engine"]["standing"]["reason"] == "rolled back: panic"
        before = facts["standing"]["carried"]
        for _ in range(3):
            assert post(gateway) == 200
        assert carried(gateway) == before


def test_r50_the_end_of_the_drain_ends_what_is_carried(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with GatewayProcess(tmp_path, upstream.url, "--drain-timeout", "1") as gateway:
        warm(gateway)
        warm(gateway, STREAM)
        upstream.forget()
        upstream.plan(CHAT, hold())
        with asking(gateway) as plain:
            upstream.attempt(CHAT, 0).reached("hold")
            upstream.plan(CHAT, head(), frame("some"), hold())
            with asking(gateway, STREAM) as streamed:
                streamed.head()
                got = streamed.chunk()
                assert gateway.stop() == 0
                while chunk := streamed.chunk():
                    got += chunk
                text, ended, errors = read_chat(got)
                assert (text, ended) == ("some", False)
                assert "shutting down" in str(errors)
                answer = plain.response()
                assert answer.status == 503
                assert "shutting down" in answer.json["error"]["message"]
        for number in (0, 1):
            upstream.attempt(CHAT, number).closed()
    assert sorted(outcomes(tmp_path)[-2:]) == [("shutdown", 200, 1), ("shutdown", 503, 0)]


def test_a_stream_that_is_carried_goes_on_while_others_come(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """Its place, its line in the dashboard's list, and its end."""
    with GatewayProcess(tmp_path, upstream.url) as gateway:
        warm(gateway, STREAM)
        upstream.forget()
        upstream.plan(CHAT, head(), frame("a"), wait("go"), frame("b"), finish(), done(), end())
        with asking(gateway, STREAM) as connection:
            connection.head()
            got = connection.chunk()
            assert health(gateway)["requests_in_flight"] == 1
            with RawConnection(("127.0.0.1", gateway.port)) as watching:
                watching.request("GET", "/dashboard/api/live")
                watching.head()
                state = watching.chunk()
                assert state.count(b'"model":"gpt-4.1"') == 1, state
            upstream.attempt(CHAT, 0).release("go")
            while chunk := connection.chunk():
                got += chunk
        assert read_chat(got) == ("ab", True, [])
        until(lambda: health(gateway)["requests_in_flight"] == 0)


def test_settings_that_forbid_it_and_the_flag(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    for arguments in (
        ("--native", "standing=off"),
        ("--rate-limit", "1", "--rate-burst", "99"),
        ("--cache", "1M"),
    ):
        with GatewayProcess(tmp_path, upstream.url, *arguments) as gateway:
            for _ in range(3):
                assert post(gateway) == 200
            facts = health(gateway)
            assert facts.get("standing", {"decisions": 0, "carried": 0, "returned": 0})["carried"] == 0
