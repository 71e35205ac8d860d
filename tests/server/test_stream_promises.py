"""What holds for every stream, on both engines: exact, apart, at once, kept alive, and given up in time."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.matrix.talk import Ask, user
from tests.server.test_gateway_streams import text_of
from tests.server.test_upstream_faults import DIALECTS
from tests.support.faults.hearing import hear
from tests.support.faults.legs import CHAT, LEGS, TEXT, Leg
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.servers import need_native
from tests.support.upstream_steps import data, end, fin, head, hold, pieces, reset, wait, whole

MANY = 102
MIB = 1024 * 1024
by_dialect = pytest.mark.parametrize("dialect", DIALECTS)


@dataclass(frozen=True, slots=True)
class Pair:
    gateway: GatewayProcess
    upstream: ScriptedUpstream

    def ask(self, dialect: str, text: str, *, stream: bool = True, leg: Leg = CHAT) -> RawConnection:
        """Send a request and do not wait."""
        made = DIALECTS[dialect].request(Ask(leg.model, (user(text),), stream))
        connection = RawConnection(("127.0.0.1", self.gateway.port), timeout=60)
        headers = {"Content-Type": "application/json", **made.headers}
        connection.request("POST", made.path, *headers.items(), body=json.dumps(made.body).encode())
        return connection


@pytest.fixture(scope="module", params=["native", "reference"])
def module_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    engine = str(request.param)
    if engine == "native":
        need_native("Client")
    arguments = ("--engine", engine, "--max-concurrency", "200", "--keepalive-interval", "0.3")
    with (
        ScriptedUpstream() as upstream,
        GatewayProcess(tmp_path_factory.mktemp("home"), upstream.url, *arguments) as gateway,
    ):
        yield Pair(gateway, upstream)


@pytest.fixture
def pair(module_pair: Pair) -> Pair:
    module_pair.upstream.forget()
    module_pair.upstream.close_idle()
    return module_pair


def numbered(attempt: Attempt) -> Script:
    """Stream the text of the number in the prompt, cut in a way that depends on it."""
    found = re.search(rb"text (\d+) please", attempt.body)
    assert found is not None
    number = int(found[1])
    leg = next(leg for leg in LEGS.values() if leg.path == attempt.path)
    return (
        wait("all are here"),
        head(),
        pieces(leg.parts(text_of(number)).whole, 20 + number * 7 % 500),
        end(),
    )


def test_r41_concurrent_streams_never_mix(pair: Pair) -> None:
    """Over a hundred at a time, in all dialects, by all legs, differently cut: each has its own text."""
    for leg in LEGS.values():
        pair.upstream.choose(leg.path, numbered)
    names, legs = list(DIALECTS), list(LEGS.values())
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(
                pair.ask(names[number % 6], f"text {number} please", leg=legs[number // 6 % 3])
            )
            for number in range(MANY)
        ]
        pair.upstream.wait_for(lambda: len(pair.upstream._attempts) == MANY, "all requests")
        for attempt in pair.upstream.attempts():
            attempt.release("all are here")
        for number, connection in enumerate(connections):
            response = connection.response()
            assert response.status == 200
            heard = hear(names[number % 6], response.body)
            assert (heard.text, heard.ended, heard.errors) == ("".join(text_of(number)), True, [])


@by_dialect
def test_r34_each_frame_goes_out_as_it_comes(pair: Pair, dialect: str) -> None:
    """The client has a frame before upstream sends the next; nothing in between may gather them."""
    texts = tuple(f"piece-{number:03} " for number in range(10))
    parts = CHAT.parts(texts)
    steps = [
        step for number, delta in enumerate(parts.deltas) for step in (data(delta), wait(f"after {number}"))
    ]
    pair.upstream.plan(CHAT.path, head(), *steps, data(parts.finish), data(parts.end), end())
    with pair.ask(dialect, "hello") as connection:
        attempt = pair.upstream.attempt(CHAT.path)
        headers = {name.lower(): value for name, value in connection.head().headers}
        got = b""
        for number, text in enumerate(texts):
            while text.encode() not in got:
                got += connection.chunk()
            attempt.release(f"after {number}")
        while chunk := connection.chunk():
            got += chunk
    assert hear(dialect, got).text == "".join(texts)
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers


@by_dialect
def test_r31_a_silent_upstream_does_not_make_a_silent_gateway(pair: Pair, dialect: str) -> None:
    """Before the first frame and between frames the client gets something that means nothing."""
    parts = CHAT.parts(("one ", "two"))
    pair.upstream.plan(
        CHAT.path,
        head(),
        wait("first"),
        data(parts.deltas[0]),
        wait("second"),
        *(data(frame) for frame in (parts.deltas[1], parts.finish, parts.end)),
        end(),
    )
    with pair.ask(dialect, "hello") as connection:
        attempt = pair.upstream.attempt(CHAT.path)
        connection.head()
        got = b"".join(connection.chunk() for _ in range(2))
        assert hear(dialect, got).text == ""
        attempt.release("first")
        while b"one " not in got:
            got += connection.chunk()
        quiet = b"".join(connection.chunk() for _ in range(2))
        assert hear(dialect, got + quiet).text == "one "
        attempt.release("second")
        got += quiet
        while chunk := connection.chunk():
            got += chunk
    heard = hear(dialect, got)
    assert (heard.text, heard.ended, heard.errors) == ("one two", True, [])


def test_r24_upstream_sees_that_an_endless_line_is_not_read_on(pair: Pair) -> None:
    blocks = (data(b"data: " + b"x" * MIB), *(data(b"x" * MIB) for _ in range(63)))
    pair.upstream.plan(CHAT.path, head(), data(CHAT.parts().deltas[0]), *blocks, hold())
    with pair.ask("chat", "hello") as connection:
        heard = hear("chat", connection.response().body)
    assert heard.errors
    attempt = pair.upstream.attempt(CHAT.path)
    attempt.closed()
    assert attempt.sent < 48 * MIB


@by_dialect
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_r39_twelve_requests_to_an_upstream_that_closes_after_each(
    pair: Pair, dialect: str, stream: bool
) -> None:
    """It promises to keep the connection and closes it; nobody notices, nothing is sent twice."""
    answer = CHAT.parts().whole if stream else CHAT.answer()
    good = (head(), data(answer), end()) if stream else whole(answer)
    pair.upstream.always(CHAT.path, *good, fin())
    for _ in range(12):
        with pair.ask(dialect, "hello", stream=stream) as connection:
            response = connection.response()
        assert response.status == 200
        said = DIALECTS[dialect].streamed(response.body) if stream else DIALECTS[dialect].whole(response.body)
        assert said.text == TEXT
    assert len(pair.upstream.attempts(CHAT.path)) == 12


@pytest.mark.parametrize("step", [fin(), reset()], ids=lambda step: step.name)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_r38_a_fresh_connection_that_dies_is_not_tried_again(pair: Pair, step: object, stream: bool) -> None:
    """The whole request went out: it may have been billed."""
    pair.upstream.always(CHAT.path, step)  # type: ignore[arg-type]
    with pair.ask("chat", "hello", stream=stream) as connection:
        assert connection.response().status == 502
    assert len(pair.upstream.attempts(CHAT.path)) == 1


@pytest.mark.parametrize("step", [fin(), reset()], ids=lambda step: step.name)
def test_r38_a_kept_connection_that_dies_is_replaced_once(pair: Pair, step: object) -> None:
    """It looks like one that was closed while it was idle; the new one decides."""
    with pair.ask("chat", "hello", stream=False) as connection:
        assert connection.response().status == 200
    pair.upstream.always(CHAT.path, step)  # type: ignore[arg-type]
    with pair.ask("chat", "hello", stream=False) as connection:
        assert connection.response().status == 502
    tried = pair.upstream.attempts(CHAT.path)[1:]
    assert [attempt.number_on_connection for attempt in tried] == [2, 1]
