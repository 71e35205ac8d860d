"""Streams through the whole gateway: exact, apart from each other, and never faster than their reader."""

from __future__ import annotations

import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server.conftest import Pair
from tests.support.instrumented import DIALECTS, Dialect, ask, body_of
from tests.support.raw_http import Cut, RawConnection
from tests.support.scripted_upstream import Attempt, Script
from tests.support.upstream_failures import read_chat, read_messages
from tests.support.upstream_steps import done, end, event, finish, frame, head, hose, pieces, wait

CHAT = "/chat/completions"
MIB = 1024 * 1024
MANY = 200
LIMIT = 32 * MIB
READ = {"chat": read_chat, "messages": read_messages}


def text_of(number: int) -> list[str]:
    """A text that no other stream has; characters of all widths, escapes, and what looks like SSE."""
    odd = ["é", "漢字", "🚀", "\u2028", '"\\', "data: [DONE]\n\n", "\r\n", "\x00", "\u200d"]
    return [f"[{number}:{at}]{odd[(number + at) % len(odd)]}" for at in range(40)]


def script_of(attempt: Attempt) -> Script:
    """Stream the text of the number that the last message names, cut in a way that depends on it."""
    messages: list[dict[str, Any]] = attempt.json["messages"]
    number = int(messages[-1]["content"])
    whole = b"".join(event(piece) for piece in text_of(number))
    return (wait("all are here"), head(), pieces(whole, 20 + number % 500), finish(), done(), end())


def test_r41_many_streams_at_once_are_all_exact(pair: Pair) -> None:
    """R-41: 200 at the same time, half in each dialect, differently cut: every client has its own text."""
    pair.upstream.choose(CHAT, script_of)

    def run(number: int) -> tuple[str, bool, list[str]]:
        dialect = DIALECTS[number % 2]
        with pair.gateway.connect(timeout=60) as connection:
            ask(connection, dialect, body_of(dialect, text=str(number)))
            response = connection.response()
            assert response.status == 200
            return READ[dialect](response.body)

    with ThreadPoolExecutor(MANY) as pool:
        answers = [pool.submit(run, number) for number in range(MANY)]
        try:
            pair.upstream.attempt(CHAT, MANY - 1)
        finally:
            for attempt in pair.upstream.attempts(CHAT):
                attempt.release("all are here")
        seen = [answer.result() for answer in answers]
    for number, answer in enumerate(seen):
        assert answer == ("".join(text_of(number)), True, [])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_r34_each_frame_goes_out_as_it_comes(pair: Pair, dialect: Dialect) -> None:
    """R-34: the client has a frame before upstream sends the next."""
    count = 30
    steps = [step for number in range(count) for step in (frame(f"<{number}>"), wait(f"after {number}"))]
    pair.upstream.plan(CHAT, head(), *steps, finish(), done(), end())
    with pair.gateway.connect() as connection:
        ask(connection, dialect)
        attempt = pair.upstream.attempt(CHAT)
        connection.head()
        got = b""
        for number in range(count):
            while f"<{number}>".encode() not in got:
                got += connection.chunk()
            attempt.release(f"after {number}")
        while data := connection.chunk():
            got += data
    assert READ[dialect](got) == ("".join(f"<{number}>" for number in range(count)), True, [])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_reader_that_stops_stops_upstream(pair: Pair, dialect: Dialect) -> None:
    """R-33: upstream comes to a halt, memory does not grow, and a reader that goes on gets everything."""
    total, unit = 40 * MIB, event("x" * 4000)
    pair.upstream.plan(CHAT, head(), hose(unit, total), finish(), done(), end())
    before = pair.gateway.resident()
    with pair.gateway.connect(receive_buffer=64 * 1024, timeout=60) as connection:
        ask(connection, dialect)
        attempt = pair.upstream.attempt(CHAT)
        attempt.reached("stalled")
        assert attempt.sent < total / 2
        assert pair.gateway.resident() - before < 10 * MIB
        # Others are served meanwhile.
        with pair.gateway.connect() as other:
            ask(other, "chat")
            assert b"scripted " in other.response().body
        assert not attempt.finished
        connection.head()
        size, tail = 0, b""
        while data := connection.chunk():
            size += data.count(b"x")
            tail = (tail + data)[-4000:]
    assert size >= total / len(unit) * 4000 - 65536
    assert (b"[DONE]" if dialect == "chat" else b"message_stop") in tail


def test_stalled_readers_cost_little_each(pair: Pair) -> None:
    """R-33: at most 1 MiB and a frame in user space for each reader that stopped."""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    count = 20
    pair.upstream.always(CHAT, head(), hose(event("x" * 4000), 64 * MIB), finish(), done(), end())
    before = pair.gateway.resident()
    connections: list[RawConnection] = []
    try:
        for number in range(count):
            connection = pair.gateway.connect(receive_buffer=64 * 1024)
            connections.append(connection)
            ask(connection, "chat")
            pair.upstream.attempt(CHAT, number)
        for attempt in pair.upstream.attempts(CHAT):
            attempt.reached("stalled")
        assert pair.gateway.resident() - before < count * MIB
    finally:
        for connection in connections:
            connection.abort()
    for attempt in pair.upstream.attempts(CHAT):
        attempt.closed()
    pair.gateway.wait_until_idle()


OF_THE_APP = ("Content-Encoding", "identity")
"""Keeps our own server from carrying a request by itself: the app's hooks are to see it."""


def test_an_exception_in_one_request_does_not_touch_another(pair: Pair) -> None:
    """R-55: before the answer it is a 500, within the answer a cut; a stream that runs goes on."""
    pair.upstream.plan(CHAT, head(), frame("before "), wait("go"), frame("after"), finish(), done(), end())
    with pair.gateway.connect() as running:
        ask(running, "chat")
        running.head()
        got = running.chunk()
        for _ in range(20):
            with pair.gateway.connect() as connection:
                ask(connection, "chat", None, ("X-Test-Raise", "start"), OF_THE_APP)
                response = connection.response()
                assert response.status == 500
                assert b"hook" not in response.body
            with pair.gateway.connect() as connection:
                ask(connection, "chat", None, ("X-Test-Raise", "body"), OF_THE_APP)
                with pytest.raises(Cut):
                    connection.response()
        pair.upstream.attempt(CHAT).release("go")
        while data := running.chunk():
            got += data
    assert read_chat(got) == ("before after", True, [])
    assert len(pair.upstream.attempts(CHAT)) == 1


def test_body_limit_holds_before_memory_is_spent(pair: Pair) -> None:
    """R-14: an announced length beyond the limit is refused at once, an endless body soon after the limit."""
    line = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with pair.gateway.connect() as connection:
        connection.send(line + b"Content-Length: 10737418240\r\n\r\n")
        response = connection.response()
        assert response.status == 413
        assert response.json["error"]["message"]
    before = pair.gateway.resident()
    with pair.gateway.connect() as connection:
        connection.send(line + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
        with contextlib.suppress(ConnectionError):
            for _ in range(LIMIT // MIB + 8):
                connection.send(chunk)
        with contextlib.suppress(Cut):  # the reset may overtake the refusal
            assert connection.response().status == 413
            connection.ended()
    assert pair.gateway.resident() - before < 50 * MIB
    assert pair.upstream.attempts(CHAT) == []


def test_twenty_mebibytes_pass_unshortened(pair: Pair) -> None:
    """R-14: a picture of 20 MiB reaches upstream byte for byte."""
    picture = "data:image/png;base64," + "iVBORw0KGgo" * (20 * MIB // 11)
    content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": picture}}]
    with pair.gateway.connect(timeout=60) as connection:
        ask(connection, "chat", body_of("chat", messages=[{"role": "user", "content": content}]))
        assert b"scripted " in connection.response().body
    sent = pair.upstream.attempt(CHAT).json["messages"][0]["content"]
    assert sent[1]["image_url"]["url"] == picture
