"""The scripted upstream does what its scripts say: the yardstick is measured before it is used."""

from __future__ import annotations

import pytest

from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_failures import read_chat
from tests.support.upstream_steps import (
    done,
    end,
    fin,
    finish,
    frame,
    head,
    hold,
    hose,
    reset,
    stream,
    wait,
    whole,
)

CHAT = "/chat/completions"
BODY = b'{"model": "gpt-4.1", "stream": true, "messages": []}'


@pytest.fixture
def connection(scripted: ScriptedUpstream) -> RawConnection:
    return connect(scripted)


def connect(upstream: ScriptedUpstream) -> RawConnection:
    return RawConnection(("127.0.0.1", int(upstream.url.rpartition(":")[2])))


def post(connection: RawConnection, body: bytes = BODY) -> None:
    connection.request("POST", CHAT, ("X-Name", "1"), ("x-name", "2"), body=body)


def test_answers_what_a_gateway_needs_to_start(scripted: ScriptedUpstream) -> None:
    with connect(scripted) as connection:
        for method, path in (("GET", "/copilot_internal/v2/token"), ("GET", "/models"), ("GET", "/user")):
            connection.request(method, path)
            assert connection.response().json
        post(connection)
        assert read_chat(connection.response().body) == ("scripted answer", True, [])
        post(connection, b"{}")
        assert connection.response().json["choices"]
        connection.request("GET", "/nowhere")
        assert connection.response().status == 404


def test_records_attempts(scripted: ScriptedUpstream) -> None:
    with connect(scripted) as connection:
        post(connection)
        connection.response()
        post(connection, b'{"second": 1}')
        connection.response()
    first, second = scripted.attempts(CHAT)
    assert first.header_names == ["Host", "X-Name", "x-name", "Content-Length"]
    assert first.body == BODY
    assert second.json == {"second": 1}
    assert (first.number_on_connection, second.number_on_connection) == (1, 2)
    assert first.connection is second.connection
    assert first.closed() == "fin"
    assert first.connection.bytes_in > len(BODY)
    assert first.connection.bytes_out >= first.sent + second.sent > 0
    assert first.connection.ended_at is not None


def test_plans_are_used_in_order_then_the_rest(scripted: ScriptedUpstream) -> None:
    scripted.plan(CHAT, *whole({"n": 1}), times=2)
    scripted.plan(CHAT, *whole({"n": 2}, 500))
    scripted.always(CHAT, *whole({"n": 3}))
    with connect(scripted) as connection:
        seen = []
        for _ in range(5):
            post(connection)
            seen.append(connection.response().json["n"])
    assert seen == [1, 1, 2, 3, 3]


def test_a_chooser_sees_the_request(scripted: ScriptedUpstream) -> None:
    scripted.choose(CHAT, lambda attempt: stream(attempt.json["say"]) if "say" in attempt.json else None)
    with connect(scripted) as connection:
        post(connection, b'{"say": "me"}')
        assert read_chat(connection.response().body)[0] == "me"
        post(connection, b'{"stream": true}')
        assert read_chat(connection.response().body)[0] == "scripted answer"


def test_waits_for_the_test(scripted: ScriptedUpstream, connection: RawConnection) -> None:
    scripted.plan(CHAT, head(), frame("a"), wait("go"), frame("b"), finish(), done(), end())
    with connection:
        post(connection)
        connection.head()
        assert b'"a"' in connection.chunk()
        attempt = scripted.attempt(CHAT)
        attempt.reached("go")
        assert not attempt.finished
        attempt.release("go")
        assert b'"b"' in connection.chunk()
        attempt.done()


def test_a_release_may_come_first(scripted: ScriptedUpstream, connection: RawConnection) -> None:
    scripted.plan(CHAT, wait("early"), wait("late"), *stream("x"))
    with connection:
        post(connection)
        attempt = scripted.attempt(CHAT)
        attempt.reached("early")
        attempt.release("late")
        attempt.release("early")
        assert connection.response().status == 200


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_sees_how_its_peer_goes(scripted: ScriptedUpstream, connection: RawConnection, how: str) -> None:
    scripted.plan(CHAT, head(), hold())
    post(connection)
    connection.head()
    attempt = scripted.attempt(CHAT)
    attempt.reached("hold")
    if how == "fin":
        connection.close()
    else:
        connection.abort()
    assert attempt.closed() == how
    attempt.done()


@pytest.mark.parametrize(("step", "how"), [(fin(), "fin"), (reset(), "reset")])
def test_closes_as_told(
    scripted: ScriptedUpstream, connection: RawConnection, step: object, how: str
) -> None:
    scripted.plan(CHAT, step)  # type: ignore[arg-type]
    with connection:
        post(connection)
        assert connection.ended() == how


def test_closes_at_accept(scripted: ScriptedUpstream) -> None:
    scripted.at_accept("fin", "reset", "deaf")
    with connect(scripted) as first:
        assert first.ended() == "fin"
    try:
        with connect(scripted) as second:
            assert second.ended() == "reset"
    except ConnectionError:
        pass  # the reset came before `connect` returned
    with connect(scripted) as deaf, connect(scripted) as good:
        post(deaf)
        post(good)
        assert good.response().status == 200
        assert len(scripted.attempts(CHAT)) == 1


def test_closes_idle_connections_on_demand(scripted: ScriptedUpstream, connection: RawConnection) -> None:
    scripted.plan(CHAT, *stream("a"))
    with connection:
        post(connection)
        connection.response()
        scripted.attempt(CHAT).done()
        scripted.close_idle()
        assert connection.ended() == "fin"


def test_refuses_connections_on_demand(scripted: ScriptedUpstream) -> None:
    scripted.stop_listening()
    with pytest.raises(ConnectionRefusedError):
        connect(scripted)


def test_hose_tells_that_it_is_stalled_and_goes_on(scripted: ScriptedUpstream) -> None:
    total = 32 * 1024 * 1024
    scripted.plan(CHAT, head(framing="close"), hose(b"x" * 4096, total), fin())
    with RawConnection(
        ("127.0.0.1", int(scripted.url.rpartition(":")[2])), receive_buffer=65536
    ) as connection:
        post(connection)
        attempt = scripted.attempt(CHAT)
        attempt.reached("stalled")
        assert attempt.sent < total
        assert len(connection.response().body) == total
