"""The Python loop and a stream: with native server and client the stream does not need it."""

from __future__ import annotations

import select

import pytest

from tests.server.conftest import Pair
from tests.support.instrumented import DIALECTS, Dialect, ask
from tests.support.servers import need_native
from tests.support.upstream_failures import read_chat, read_messages
from tests.support.upstream_steps import done, end, finish, frame, head, together, wait

CHAT = "/chat/completions"
READ = {"chat": read_chat, "messages": read_messages}
WAKES_A_STREAM = 3
"""Request, upstream's head, summary."""


def need_native_relay(pair: Pair) -> None:
    if pair.server != "native":
        pytest.skip("only the native server takes a relay over")
    need_native("Client")


def run_stream(pair: Pair, dialect: Dialect, count: int) -> bytes:
    """A stream of `count` frames, each sent when the client has the one before."""
    steps = [step for number in range(1, count) for step in (wait(f"{number}"), frame(f"<{number}>"))]
    pair.upstream.forget()
    pair.upstream.plan(CHAT, together(head(), frame("<0>")), *steps, wait("end"), finish(), done(), end())
    with pair.gateway.connect() as connection:
        ask(connection, dialect)
        attempt = pair.upstream.attempt(CHAT)
        connection.head()
        got = b""
        for number in range(count):
            while f"<{number}>".encode() not in got:
                got += connection.chunk()
            attempt.release(f"{number + 1}" if number + 1 < count else "end")
        while data := connection.chunk():
            got += data
    assert READ[dialect](got) == ("".join(f"<{number}>" for number in range(count)), True, [])
    return got


def wakes_of(pair: Pair, dialect: Dialect, count: int) -> int:
    """Times that events woke the loop while a stream of so many frames ran; the middle of five runs."""
    found = []
    for _ in range(5):
        before, _timers = pair.gateway.wakes()
        run_stream(pair, dialect, count)
        after, _timers = pair.gateway.wakes()
        found.append(after - before)
    return sorted(found)[2]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_frames_do_not_wake_python(pair: Pair, dialect: Dialect) -> None:
    need_native_relay(pair)
    run_stream(pair, dialect, 5)  # connections and caches are there afterwards
    few, many = wakes_of(pair, dialect, 5), wakes_of(pair, dialect, 100)
    assert many <= few + 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_wakes_python_three_times(pair: Pair, dialect: Dialect) -> None:
    need_native_relay(pair)
    run_stream(pair, dialect, 5)
    assert wakes_of(pair, dialect, 50) <= WAKES_A_STREAM


def test_the_counter_counts(pair: Pair) -> None:
    """Where Python moves the bytes, frames wake it: what the tests above look at can be seen."""
    if pair.server == "native":
        pytest.skip("frames are not to be seen there")
    assert wakes_of(pair, "chat", 60) >= 30


@pytest.mark.parametrize("hold_gil", [False, True], ids=["loop blocked", "GIL held"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_goes_on_while_the_loop_is_blocked(pair: Pair, dialect: Dialect, hold_gil: bool) -> None:
    need_native_relay(pair)
    count = 60
    steps = [step for number in range(1, count) for step in (wait(f"{number}"), frame(f"<{number}>"))]
    pair.upstream.plan(CHAT, head(), frame("<0>"), *steps, finish(), done(), end())
    with pair.gateway.connect() as connection, pair.gateway.connect() as other:
        ask(connection, dialect)
        attempt = pair.upstream.attempt(CHAT)
        connection.head()
        got = b""
        while b"<0>" not in got:
            got += connection.chunk()
        with pair.gateway.blocked(hold_gil=hold_gil):
            other.request("GET", "/health")
            for number in range(1, count):
                attempt.release(f"{number}")
                while f"<{number}>".encode() not in got:
                    got += connection.chunk()
            while data := connection.chunk():
                got += data
            assert select.select([other.socket], [], [], 0)[0] == []  # Python answers nobody meanwhile
        assert other.response().status == 200
    assert READ[dialect](got) == ("".join(f"<{number}>" for number in range(count)), True, [])


@pytest.mark.parametrize("hold_gil", [False, True], ids=["loop blocked", "GIL held"])
def test_client_that_goes_while_the_loop_is_blocked_closes_upstream(pair: Pair, hold_gil: bool) -> None:
    need_native_relay(pair)
    pair.upstream.plan(CHAT, head(), frame("<0>"), wait("never"))
    with pair.gateway.connect() as connection:
        ask(connection, "chat")
        attempt = pair.upstream.attempt(CHAT)
        connection.head()
        assert b"<0>" in connection.chunk()
        with pair.gateway.blocked(hold_gil=hold_gil):
            connection.abort()
            attempt.closed()
    pair.gateway.wait_until_idle()


def test_the_block_blocks(pair: Pair) -> None:
    """The hook does what the tests above believe: nobody is answered while the loop is blocked."""
    for hold_gil in (False, True):
        with pair.gateway.connect() as connection:
            with pair.gateway.blocked(hold_gil=hold_gil):
                connection.request("GET", "/health")
                assert select.select([connection.socket], [], [], 0.1)[0] == []
            assert connection.response().status == 200
