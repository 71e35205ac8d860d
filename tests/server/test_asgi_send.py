"""`send`: what an app sends is what the client gets, exactly and at once."""

from __future__ import annotations

import contextlib

import pytest

from tests.server.play import body, fill, gate, play, send, start, tag, whole
from tests.support.raw_http import Cut, RawConnection, RawResponse
from tests.support.served_app import ServedApp

ADDED = {"date", "server", "connection", "content-length", "transfer-encoding", "keep-alive"}
"""Headers that a server may add to those of the app."""


def of_app(response: RawResponse) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in response.headers if name.lower() not in ADDED]


def still_works(connection: RawConnection) -> None:
    """The connection is at the right place for the next request."""
    connection.request("GET", play(tag(), *whole("next")))
    assert connection.response().body == b"next"


def test_response_with_a_length(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.request("GET", play(tag(), *whole("hello")))
        response = connection.response()
        still_works(connection)
    assert (response.status, response.framing, response.body) == (200, "length", b"hello")
    assert response.version == "1.1"


def test_response_without_a_length_is_chunked_or_measured(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.request("GET", play(tag(), *send(start(), body("hello"))))
        response = connection.response()
        still_works(connection)
    assert response.framing in ("chunked", "length")
    assert response.body == b"hello"


def test_several_bodies(served: ServedApp) -> None:
    parts = [body("one ", more=True), body("two ", more=True), body("three")]
    with served.connect() as connection:
        connection.request("GET", play(tag(), *send(start(), *parts)))
        response = connection.response()
        still_works(connection)
    assert (response.framing, response.body) == ("chunked", b"one two three")


def test_several_bodies_within_a_length(served: ServedApp) -> None:
    """The last body may be empty, as that of a file is: the app hears of no error."""
    name = tag()
    messages = [
        start(200, [("content-length", "8")]),
        body("one ", more=True),
        body("two ", more=True),
        body(),
    ]
    with served.connect() as connection:
        connection.request("GET", play(name, *send(*messages)))
        response = connection.response()
        still_works(connection)
    assert (response.framing, response.body) == ("length", b"one two ")
    served.event("returned", name)


def test_empty_bodies_do_not_end_a_stream(served: ServedApp) -> None:
    parts = [
        body(more=True),
        body("a", more=True),
        body(more=True),
        body(more=True),
        body("b", more=True),
        body(),
    ]
    with served.connect() as connection:
        connection.request("GET", play(tag(), *send(start(), *parts)))
        response = connection.response()
        still_works(connection)
    assert (response.framing, response.body) == ("chunked", b"ab")


def test_keys_may_be_left_out(served: ServedApp) -> None:
    messages = [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}]
    with served.connect() as connection:
        connection.request("GET", play(tag(), *send(*messages)))
        response = connection.response()
        still_works(connection)
    assert (response.status, response.body, of_app(response)) == (200, b"", [])


def test_each_body_goes_out_before_the_next(served: ServedApp) -> None:
    names = [tag() for _ in range(5)]
    steps = send(start(200, [("content-type", "text/event-stream")]))
    for name in names:
        steps += [*send(body(name, more=True)), gate(name)]
    with served.connect() as connection:
        connection.request("GET", play(tag(), *steps, *send(body())))
        assert connection.head().framing == "chunked"
        for name in names:
            assert connection.chunk() == name.encode()
            served.open(name)
        assert connection.chunk() == b""
        still_works(connection)


@pytest.mark.parametrize("last", ["two", ""])
def test_a_body_that_is_not_the_last_goes_out_within_a_length(served: ServedApp, last: str) -> None:
    name = tag()
    messages = send(start(200, [("content-length", str(3 + len(last)))]), body("one", more=True))
    with served.connect() as connection:
        connection.request("GET", play(name, *messages, gate(name), *send(body(last))))
        connection.head()
        assert connection.exactly(3) == b"one"
        served.event("waiting", name)
        served.open(name)
        assert connection.exactly(len(last)) == last.encode()
        still_works(connection)
    served.event("returned", name)


@pytest.mark.parametrize("status", [200, 201, 203, 226, 299, 400, 404, 418, 429, 451, 499, 500, 503, 599])
def test_statuses(served: ServedApp, status: int) -> None:
    assert served.ask(play(tag(), *whole("body", status))).status == status


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("text", ["", "not sent"])
def test_statuses_without_a_body(served: ServedApp, status: int, text: str) -> None:
    with served.connect() as connection:
        connection.request("GET", play(tag(), ["send", start(status)], ["try_send", body(text)]))
        try:
            response = connection.response()
        except Cut:
            assert text  # a body where there is none may be called an error
            return
        assert (response.status, response.framing, response.body) == (status, "none", b"")
        if not text:
            still_works(connection)


def test_304_keeps_the_length_of_the_other_answer(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.request(
            "GET", play(tag(), *send(start(304, [("content-length", "1234"), ("etag", '"x"')]), body()))
        )
        response = connection.response()
        assert response.header("etag") == '"x"'
        assert response.header("content-length") in ("1234", None)
        still_works(connection)


def test_head_gets_the_head_alone(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.request("HEAD", play(tag(), *whole("not sent")))
        response = connection.response("HEAD")
        assert (response.header("content-length"), response.body) == ("8", b"")
        still_works(connection)


def test_head_of_a_stream(served: ServedApp) -> None:
    name = tag()
    steps = send(start(), body("not ", more=True), body("sent", more=True), body())
    with served.connect() as connection:
        connection.request("HEAD", play(name, *steps))
        assert connection.response("HEAD").body == b""
        still_works(connection)
    served.event("returned", name)


def test_headers_are_exact(served: ServedApp) -> None:
    given = [
        ("x-first", "1"),
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2"),
        ("x-latin", "caf\xe9 \xff"),
        ("x-empty", ""),
        ("x-inner", "a \t b"),
        ("set-cookie", "c=3"),
        ("vary", "Origin"),
        ("vary", "Accept"),
        ("content-type", "text/event-stream"),
        ("x-last", "z"),
    ]
    response = served.ask(play(tag(), *send(start(200, [*given, ("content-length", "0")]), body())))
    got = of_app(response)
    assert [value for name, value in got if name == "set-cookie"] == ["a=1; Path=/", "b=2", "c=3"]
    assert [value for name, value in got if name == "vary"] == ["Origin", "Accept"]
    assert sorted(got) == sorted(given)


def test_large_and_many_headers(served: ServedApp) -> None:
    head = {"type": "http.response.start", "status": 200, "many_headers": 90}
    response = served.ask(play(tag(), *send(head, body("ok"))))
    expected = [(f"x-{number}", str(number) * 40) for number in range(90)] + [("x-large", "v" * 8000)]
    assert sorted(of_app(response)) == sorted(expected)


def test_own_date_is_not_doubled(served: ServedApp) -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    response = served.ask(play(tag(), *send(start(200, [("date", date)]), body())))
    if served.server == "uvicorn":
        pytest.skip("uvicorn adds its date to the app's")
    assert response.all("date") == [date]


def test_server_does_not_say_what_it_is(served: ServedApp) -> None:
    assert served.ask("/scope").all("server") == []


def test_connection_close_of_the_app(served: ServedApp) -> None:
    with served.connect() as connection:
        messages = [start(200, [("connection", "close"), ("content-length", "2")]), body("ok")]
        connection.request("GET", play(tag(), *send(*messages)))
        response = connection.response()
        assert response.closes
        assert connection.ended() == "fin"


@pytest.mark.parametrize("coding", ["chunked", "identity"])
def test_transfer_encoding_is_the_servers_business(served: ServedApp, coding: str) -> None:
    if served.server == "uvicorn" and coding == "identity":
        pytest.skip("uvicorn sends an app's transfer-encoding as it is")
    with served.connect() as connection:
        messages = [start(200, [("transfer-encoding", coding)]), body("once", more=True), body()]
        connection.request("GET", play(tag(), *send(*messages)))
        assert connection.response().body == b"once"
        still_works(connection)


@pytest.mark.parametrize("kind", ["plain", "tuple", "lists", "generator", "bytearray", "memoryview"])
def test_unusual_types(served: ServedApp, kind: str) -> None:
    response = served.ask(play(tag(), ["odd", kind]))
    assert (response.status, response.body) == (200, b"odd body")
    assert response.all("x-odd") == ["1", "2"]


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 8 * 1024 * 1024])
def test_one_large_body(served: ServedApp, size: int) -> None:
    response = served.ask(play(tag(), *send(start(200, [("content-length", str(size))]), fill(size))))
    assert response.body == b"\xa5" * size


@pytest.mark.parametrize("declared", [3, 20])
def test_wrong_length_never_reaches_the_next_response(served: ServedApp, declared: int) -> None:
    """Ten bytes under a length of 3 or 20: an error in the app, or a cut; the rest cannot be mistaken."""
    with served.connect() as connection:
        messages = [start(200, [("content-length", str(declared))]), body("0123456789")]
        connection.request("GET", play(tag(), *send(*messages)))
        try:
            response = connection.response()
        except Cut as cut:
            assert b"0123456789".startswith(cut.got)
            return
        assert response.status in (200, 500)
        if response.status == 200:
            assert declared == 3
            assert response.body == b"012"
        with contextlib.suppress(Cut, ConnectionError):
            still_works(connection)


def test_work_after_the_response_does_not_hold_it(served: ServedApp) -> None:
    """Background tasks of frameworks run after the last body."""
    name = tag()
    with served.connect() as connection:
        connection.request("GET", play(name, *whole("done"), gate(name), ["tell", "worked"]))
        assert connection.response().body == b"done"
        served.open(name)
        served.event("worked", name)


def test_next_request_need_not_wait_for_work_after_the_response(served: ServedApp) -> None:
    name = tag()
    with served.connect() as connection:
        connection.request("GET", play(name, *whole("done"), gate(name)))
        assert connection.response().body == b"done"
        still_works(connection)
        served.open(name)
