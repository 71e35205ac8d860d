"""`receive`: the body as it comes, and the news that the client is gone."""

from __future__ import annotations

import hashlib
import json
import random
import threading

import pytest

from tests.server.play import body, fill, gate, play, send, start, tag, whole
from tests.support.raw_http import Cut, RawResponse, chunked
from tests.support.served_app import ServedApp

MIB = 1024 * 1024
NO_LENGTH = ("Transfer-Encoding", "chunked")


def checked(response: RawResponse, content: bytes) -> None:
    told = response.json
    assert (told["size"], told["odd"]) == (len(content), [])
    assert told["sha256"] == hashlib.sha256(content).hexdigest()


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - the same bytes each time


def test_no_body_is_one_empty_message(served: ServedApp) -> None:
    told = served.ask("/digest").json
    assert (told["size"], told["pieces"], told["odd"]) == (0, 1, [])


def test_length_zero(served: ServedApp) -> None:
    checked(served.ask("/digest", method="POST", body=b""), b"")


@pytest.mark.parametrize("size", [1, 1000, 65536, 3 * MIB + 1])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_is_whole(served: ServedApp, size: int, framing: str) -> None:
    content = noise(size)
    with served.connect() as connection:
        if framing == "length":
            connection.request("POST", "/digest", body=content)
        else:
            connection.request("POST", "/digest", NO_LENGTH)
            connection.send(chunked(*(content[at : at + 70000] for at in range(0, size, 70000))))
        checked(connection.response(), content)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_twenty_mebibytes(served: ServedApp, framing: str) -> None:
    content = noise(20 * MIB)
    with served.connect() as connection:
        if framing == "length":
            connection.request("POST", "/digest", body=content)
        else:
            connection.request("POST", "/digest", NO_LENGTH)
            connection.send(chunked(*(content[at : at + MIB] for at in range(0, len(content), MIB))))
        checked(connection.response(), content)


def test_chunks_of_one_byte_with_extension_and_trailer(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.request("POST", "/digest", NO_LENGTH, ("Trailer", "x-sum"))
        connection.send(b"".join(b"1;name=value\r\n%c\r\n" % byte for byte in b"one by one"))
        connection.send(b"0\r\nX-Sum: 1\r\n\r\n")
        checked(connection.response(), b"one by one")
        connection.request("GET", "/scope")
        assert connection.response().status == 200


def test_request_comes_byte_by_byte(served: ServedApp) -> None:
    payload = b"POST /digest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nslowly"[:-1]
    with served.connect() as connection:
        for at in range(len(payload)):
            connection.send(payload[at : at + 1])
        checked(connection.response(), b"slowl")


def test_expect_100_continue(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.send(
            b"POST /digest HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
        line = connection.exactly(len(b"HTTP/1.1 100"))
        assert line == b"HTTP/1.1 100"
        connection.socket.sendall(b"body")
        rest = b""
        while not rest.endswith(b"\r\n\r\n"):
            rest += connection.exactly(1)
        checked(connection.response(), b"body")
        connection.request("GET", "/scope")
        assert connection.response().informational == ()


def test_expect_with_the_body_at_once(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.request("POST", "/digest", ("Expect", "100-continue"), body=b"impatient")
        response = connection.response()
    checked(response, b"impatient")
    assert set(response.informational) <= {100}


def test_receive_after_the_body_waits_for_the_client_to_go(served: ServedApp) -> None:
    name = tag()
    with served.connect() as connection:
        connection.request("POST", play(name, ["read"], ["expect_no_message"], ["take_message"]), body=b"abc")
        assert served.event("message", name)["pending"]
        connection.abort()
    assert served.event("received", name)["type"] == "http.disconnect"


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_client_goes_before_the_response(served: ServedApp, how: str) -> None:
    name = tag()
    with served.connect() as connection:
        connection.request(
            "GET", play(name, ["read"], ["tell", "listening"], ["receive"], ["receive"], ["tell", "done"])
        )
        served.event("listening", name)
        if how == "fin":
            connection.close()
        else:
            connection.abort()
    assert served.event("received", name)["type"] == "http.disconnect"
    served.event("done", name)  # it is told again and again


def test_client_goes_within_the_response(served: ServedApp) -> None:
    name = tag()
    first = send(start(), body("first", more=True))
    with served.connect() as connection:
        connection.request("GET", play(name, ["read"], *first, ["receive"]))
        connection.head()
        assert connection.chunk() == b"first"
        connection.abort()
    assert served.event("received", name)["type"] == "http.disconnect"


def test_a_response_that_is_over_ends_receive(served: ServedApp) -> None:
    name = tag()
    with served.connect() as connection:
        connection.request("GET", play(name, ["read"], *whole(), ["receive"], ["receive"]))
        assert connection.response().body == b"ok"
        told = served.event("received", name)
        assert told["type"] == "http.disconnect"
        served.event("returned", name)
        connection.request("GET", "/scope")  # and the client is still there
        assert connection.response().status == 200


def test_receive_that_waits_ends_with_the_response(served: ServedApp) -> None:
    name = tag()
    steps = [["read"], ["expect_no_message"], *whole(), ["take_message"]]
    with served.connect() as connection:
        connection.request("GET", play(name, *steps))
        assert connection.response().body == b"ok"
        assert served.event("message", name)["pending"]
        assert served.event("received", name)["type"] == "http.disconnect"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_half_a_body_is_never_a_whole_one(served: ServedApp, framing: str) -> None:
    name = tag()
    with served.connect() as connection:
        target = play(name, ["read"], *whole())
        if framing == "length":
            connection.send(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        else:
            connection.request("POST", target, NO_LENGTH)
            connection.send(b"4\r\nhalf\r\n")
        if served.server == "uvicorn":
            served.event("called", name)  # a server may as well wait for the whole body first
        connection.abort()
    if served.server == "uvicorn":
        served.event("body cut", name)
    assert served.ask("/scope").status == 200
    assert "read" not in served.told(name)


@pytest.mark.parametrize("wrong", [b"zz\r\n", b"-1\r\n", b"0x1\r\n", b"4\r\nhalfXX", b"f" * 30 + b"\r\n"])
def test_bad_chunks_end_the_connection(served: ServedApp, wrong: bytes) -> None:
    name = tag()
    hidden = b"GET " + play(tag() + "-hidden", *whole("hidden")).encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    with served.connect() as connection:
        connection.request("POST", play(name, ["read"], *whole()), NO_LENGTH)
        connection.send(wrong + b"\r\n0\r\n\r\n" + hidden)
        try:
            response = connection.response()
            assert response.status == 400
        except Cut:
            pass
        else:
            connection.ended()
    assert "read" not in served.told(name)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_the_app_did_not_read_is_no_request(served: ServedApp, framing: str) -> None:
    """It is drained, or the connection ends with the response; its bytes are never a request."""
    inner = b"GET /scope HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served.connect() as connection:
        if framing == "length":
            connection.request("POST", play(tag(), *whole("first")), body=inner)
        else:
            connection.request("POST", play(tag(), *whole("first")), NO_LENGTH)
            connection.send(chunked(inner))
        assert connection.response().body == b"first"
        try:
            connection.request("GET", play(tag(), *whole("second")))
            assert connection.response().body == b"second"
        except (Cut, ConnectionError):
            pass


def test_app_answers_before_the_body_has_come(served: ServedApp) -> None:
    """An early answer is allowed, not required: a server may hold the app until the body is whole."""
    name = tag()
    with served.connect() as connection:
        connection.send(
            f"POST {play(name, *whole('early'))} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n".encode()
        )
        connection.send(b"abcdef")
        assert connection.response().body == b"early"


def test_body_larger_than_buffers_while_the_app_waits(served: ServedApp) -> None:
    """The app asks for the body only after a while; nothing is lost, and other clients are served."""
    name, content = tag(), noise(2 * MIB)
    with served.connect() as connection:
        target = play(name, gate(name), ["read"], *whole())
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.send(head.encode())
        sender = threading.Thread(target=connection.send, args=(content,))
        sender.start()
        served.event("waiting", name)
        assert served.ask("/scope").status == 200
        served.open(name)
        assert connection.response().body == b"ok"
        sender.join()
    assert served.event("read", name)["size"] == len(content)


def test_echo_of_a_large_body(served: ServedApp) -> None:
    content = noise(MIB)
    answer = served.ask("/echo", method="POST", body=content)
    assert answer.body == content


def test_json_survives(served: ServedApp) -> None:
    value = {"text": "é漢🚀\u2028", "n": 1e300}
    answer = served.ask("/echo", method="POST", body=json.dumps(value, ensure_ascii=False).encode())
    assert answer.json == value


def test_response_may_be_larger_than_one_message(served: ServedApp) -> None:
    target = play(tag(), *send(start(), fill(300_000, more=True), fill(MIB, more=True), fill(5)))
    assert served.ask(target).body == b"\xa5" * (300_000 + MIB + 5)
