"""A client that goes takes its upstream request with it, wherever it was (R-32)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.server.conftest import Pair
from tests.support.departures import logged
from tests.support.descriptors import count_descriptors
from tests.support.instrumented import (
    DIALECTS,
    PATHS,
    Dialect,
    InstrumentedGateway,
    TerminalGateway,
    ask,
    body_of,
)
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.servers import server_arguments
from tests.support.upstream_steps import data, drip, event, frame, head, hold, raw

CHAT = "/chat/completions"
WAYS = ("fin", "reset")
JSON = ("content-type", "application/json")

STREAMS: dict[str, Script] = {
    "waiting for upstream's head": (hold(),),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\ncontent-ty"), hold()),
    "before the first byte": (head(), hold()),
    "within the first frame": (head(), data(b'data: {"cho'), hold()),
    "silent after some frames": (head(), frame("some"), hold()),
    "while frames come": (head(), frame("some"), drip(event("more"), 0.002)),
}
WHOLE: dict[str, Script] = {
    "waiting for upstream's head": (hold(),),
    "within the body": (head(200, [JSON], framing=1000), data(b'{"id": "x", '), hold()),
    "while the body comes": (head(200, [JSON], framing="chunked"), drip(b" ", 0.002)),
}


def leave(connection: RawConnection, how: str) -> None:
    if how == "fin":
        connection.close()
    else:
        connection.abort()


def last_step(attempt: Attempt, script: Script) -> None:
    attempt.reached(script[-1].name)


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Going away is no error and no warning; afterwards nothing is held for those who went."""
    if "pair" not in request.fixturenames:
        yield
        return
    pair: Pair = request.getfixturevalue("pair")
    before = len(logged(pair.gateway))
    yield
    pair.gateway.wait_until_idle()
    assert [line for line in logged(pair.gateway, before) if "test hook" not in line] == []


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("situation", STREAMS)
def test_stream(pair: Pair, situation: str, dialect: Dialect, how: str) -> None:
    script = STREAMS[situation]
    pair.upstream.plan(CHAT, *script)
    with pair.gateway.connect() as connection:
        ask(connection, dialect)
        attempt = pair.upstream.attempt(CHAT)
        last_step(attempt, script)
        if "frames" in situation:
            connection.head()
            got = b""
            while b"some" not in got:
                got += connection.chunk()
        leave(connection, how)
    attempt.closed()
    assert len(pair.upstream.attempts(CHAT)) == 1


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("situation", WHOLE)
def test_whole_answer(pair: Pair, situation: str, dialect: Dialect, how: str) -> None:
    script = WHOLE[situation]
    pair.upstream.plan(CHAT, *script)
    with pair.gateway.connect() as connection:
        ask(connection, dialect, body_of(dialect, stream=False))
        attempt = pair.upstream.attempt(CHAT)
        last_step(attempt, script)
        leave(connection, how)
    attempt.closed()
    assert len(pair.upstream.attempts(CHAT)) == 1


def test_next_request_is_served_on_a_fresh_connection(pair: Pair) -> None:
    pair.upstream.plan(CHAT, head(), frame("some"), hold())
    with pair.gateway.connect() as connection:
        ask(connection, "chat")
        first = pair.upstream.attempt(CHAT)
        first.reached("hold")
        leave(connection, "fin")
    first.closed()
    with pair.gateway.connect() as connection:
        ask(connection, "chat")
        assert b"scripted " in connection.response().body
    second = pair.upstream.attempt(CHAT, 1)
    assert second.connection is not first.connection


def test_two_hundred_departures_leave_nothing(pair: Pair) -> None:
    situations = list(STREAMS.values())

    def depart(number: int) -> None:
        script = situations[number % len(situations)]
        pair.upstream.forget()
        pair.upstream.plan(CHAT, *script)
        with pair.gateway.connect() as connection:
            ask(connection, DIALECTS[number % 2])
            attempt = pair.upstream.attempt(CHAT)
            last_step(attempt, script)
            leave(connection, WAYS[number // 2 % 2])
        attempt.closed()

    for number in range(20):
        depart(number)
    pair.gateway.wait_until_idle()
    before = count_descriptors(pair.gateway.process.pid)
    for number in range(200):
        depart(number)
    pair.gateway.wait_until_idle()
    assert count_descriptors(pair.gateway.process.pid) <= before + 4


@pytest.mark.parametrize("how", WAYS)
def test_waiting_for_the_limiter(server: str, tmp_path_factory: pytest.TempPathFactory, how: str) -> None:
    arguments = ("--rate-limit", "3600", "--wait", *server_arguments(server))
    with (
        ScriptedUpstream() as upstream,
        InstrumentedGateway(tmp_path_factory.mktemp("home"), upstream.url, *arguments) as gateway,
    ):
        with gateway.connect() as connection:
            ask(connection, "chat", body_of("chat", stream=False))
            assert connection.response().status == 200
        waiting = [gateway.connect() for _ in range(4)]
        for number, connection in enumerate(waiting):
            ask(connection, DIALECTS[number % 2])
        gateway.wait_for_in_flight(len(waiting))
        for connection in waiting:
            leave(connection, how)
        gateway.wait_until_idle()
        assert len(upstream.attempts(CHAT)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
@pytest.mark.parametrize("how", WAYS)
def test_waiting_for_approval(server: str, tmp_path_factory: pytest.TempPathFactory, how: str) -> None:
    home = tmp_path_factory.mktemp("home")
    with ScriptedUpstream() as upstream:
        gateway = TerminalGateway(home, upstream.url, "--manual", *server_arguments(server))
        with gateway:
            address = ("127.0.0.1", gateway.port)
            with RawConnection(address) as connection:
                ask(connection, "chat")
                # The question has no line end: the arrival's line comes just before it.
                gateway.output.wait_for(rf"<-- POST {PATHS['chat']}")
                leave(connection, how)
            gateway.output.wait_for("withdrawn: the client is gone")
            assert upstream.attempts(CHAT) == []
            with RawConnection(address) as connection:
                ask(connection, "chat")
                gateway.type("y\n")
                assert b"scripted " in connection.response().body
            assert len(upstream.attempts(CHAT)) == 1
        gateway.close_terminal()
