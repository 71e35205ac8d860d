"""Connections: keep-alive, pipelining, HTTP/1.0, many at once, and what is no HTTP."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server.play import body, gate, play, send, start, tag, whole
from tests.support.descriptors import borrow_peer
from tests.support.raw_http import Cut, RawConnection, chunked
from tests.support.served_app import ServedApp

MANY = 200


def request_bytes(target: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def test_one_connection_for_many_requests(served: ServedApp) -> None:
    with served.connect() as connection:
        for number in range(100):
            connection.request("GET", play(tag(), *whole(str(number))))
            response = connection.response()
            assert response.body == str(number).encode()
            assert not response.closes


@pytest.mark.parametrize("value", ["close", "Close", "x-other, CLOSE"])
def test_connection_close_of_the_client(served: ServedApp, value: str) -> None:
    with served.connect() as connection:
        connection.request("GET", play(tag(), *whole()), ("Connection", value))
        response = connection.response()
        assert response.body == b"ok"
        assert response.closes
        assert connection.ended() == "fin"


def test_client_that_sends_its_fin_with_the_request(served: ServedApp) -> None:
    """A client may close its sending side; a server may take that for going away. Never half an answer."""
    with served.connect() as connection:
        connection.request("GET", play(tag(), *whole("whole")))
        connection.finish_sending()
        try:
            assert connection.response().body == b"whole"
        except Cut as cut:
            assert cut.got == b""


@pytest.mark.parametrize("length", [True, False])
def test_http_1_0_closes(served: ServedApp, length: bool) -> None:
    with served.connect() as connection:
        steps = whole("whole") if length else send(start(), body("who", more=True), body("le"))
        connection.request("GET", play(tag(), *steps), version="1.0")
        response = connection.response()
        assert response.body == b"whole"
        assert response.framing in ("length", "close")
        if response.framing == "length":
            assert connection.ended() == "fin"


def test_http_1_0_with_keep_alive(served: ServedApp) -> None:
    """A server may keep the connection if it says so."""
    with served.connect() as connection:
        connection.request("GET", play(tag(), *whole("first")), ("Connection", "keep-alive"), version="1.0")
        response = connection.response()
        assert response.body == b"first"
        if not response.closes:
            connection.request("GET", play(tag(), *whole("second")), version="1.0")
            assert connection.response().body == b"second"
        assert connection.ended() == "fin"


def test_http_1_0_error_in_a_stream_is_no_proper_end(served: ServedApp) -> None:
    """Without framing the only sign of failure is a reset; with a length it is the missing rest."""
    with served.connect() as connection:
        steps = send(start(200, [("content-length", "9")]), body("part", more=True))
        connection.request("GET", play(tag(), *steps, ["raise", "RuntimeError"]), version="1.0")
        with pytest.raises(Cut):
            connection.response()


def test_pipelined_requests_are_answered_in_order(served: ServedApp) -> None:
    name = tag()
    with served.connect() as connection:
        connection.send(
            request_bytes(play(name, gate(name), *whole("slow")))
            + request_bytes(play(tag(), *whole("quick")))
            + request_bytes("/digest", "Content-Length: 5", method="POST")
            + b"12345"
            + request_bytes("/digest", "Transfer-Encoding: chunked", method="POST")
            + chunked(b"123", b"4567")
            + request_bytes(play(tag(), *whole("last")), "Connection: close")
        )
        served.event("waiting", name)
        served.open(name)
        assert connection.response().body == b"slow"
        assert connection.response().body == b"quick"
        assert connection.response().json["size"] == 5
        assert connection.response().json["size"] == 7
        assert connection.response().body == b"last"
        assert connection.ended() == "fin"


def test_many_pipelined_requests(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.send(
            b"".join(request_bytes(play(f"p{number}", *whole(str(number)))) for number in range(100))
        )
        for number in range(100):
            assert connection.response().body == str(number).encode()


def test_pipelined_request_after_a_stream(served: ServedApp) -> None:
    with served.connect() as connection:
        stream = send(start(), body("a", more=True), body("b", more=True), body())
        connection.send(request_bytes(play(tag(), *stream)) + request_bytes(play(tag(), *whole("second"))))
        assert connection.response().body == b"ab"
        assert connection.response().body == b"second"


def test_many_requests_at_once(served: ServedApp) -> None:
    """All of them are in the app at the same time; each gets its own answer."""
    name = tag()

    def ask(number: int) -> bytes:
        each = f"{name}-{number}"
        return served.ask(play(each, gate(name), *send(start(), body(each, more=True), body(each)))).body

    with ThreadPoolExecutor(MANY) as pool:
        answers = [pool.submit(ask, number) for number in range(MANY)]
        for number in range(MANY):
            served.event("waiting", f"{name}-{number}")
        served.open(name)
        assert [each.result() for each in answers] == [f"{name}-{n}{name}-{n}".encode() for n in range(MANY)]


def test_idle_and_half_open_connections_harm_nobody(served: ServedApp) -> None:
    idle = [served.connect() for _ in range(100)]
    half = [served.connect() for _ in range(50)]
    for connection in half:
        connection.send(b"POST /digest HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    assert served.ask("/scope").status == 200
    for connection in idle:
        connection.close()
    for connection in half:
        connection.abort()
    assert served.ask("/scope").status == 200


def test_empty_line_before_a_request(served: ServedApp) -> None:
    if served.server == "uvicorn":
        pytest.skip("h11 refuses it, against RFC 9112, 2.2")
    with served.connect() as connection:
        connection.send(b"\r\n" + request_bytes(play(tag(), *whole("first"))))
        assert connection.response().body == b"first"


@pytest.mark.parametrize(
    "payload",
    [
        b"garbage\r\n\r\n",
        b"GET /scope\r\n\r\n",
        b"GET /sc ope HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /scope HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /scope HTTP/1.1\r\nHost: x\r\nBad\x00Name: 1\r\n\r\n",
        b"GET /scope HTTP/1.1\r\nHost: x\r\nNo-Colon\r\n\r\n",
        b"POST /scope HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
        b"POST /scope HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n12345",
        b"POST /scope HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\n123456",
        b"POST /scope HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /scope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /scope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
    ],
)
def test_what_is_no_http_is_refused_and_closed(served: ServedApp, payload: bytes) -> None:
    """And a request hidden behind it is never answered."""
    hidden = request_bytes(play(tag(), *whole("hidden")))
    with served.connect() as connection:
        connection.send(payload + hidden)
        try:
            response = connection.response()
        except Cut:
            return
        assert response.status in (400, 501, 505)
        connection.ended()


@pytest.mark.parametrize(
    "payload",
    [b"GET /scope HTTP/3.0\r\nHost: x\r\n\r\n", b"GET /scope HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"],
)
def test_other_versions_and_folded_lines_are_refused(served: ServedApp, payload: bytes) -> None:
    if served.server == "uvicorn":
        pytest.skip("h11 reads any version, and joins folded lines")
    with served.connect() as connection:
        connection.send(payload)
        assert connection.response().status in (400, 505)
        connection.ended()


def test_two_framings_are_one_request_at_most(served: ServedApp) -> None:
    """Refused, or read by Transfer-Encoding and closed afterwards (RFC 9112, 6.1)."""
    hidden = request_bytes(play(tag(), *whole("hidden")))
    with served.connect() as connection:
        connection.send(
            request_bytes("/digest", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST")
            + b"0\r\n\r\n"
            + hidden
        )
        response = connection.response()
        if response.status == 400:
            connection.ended()
        elif served.server == "uvicorn":
            pytest.skip("uvicorn reads by Transfer-Encoding and goes on")
        else:
            assert response.json["size"] == 0
            assert connection.ended()


def test_garbage_after_a_good_request(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.send(request_bytes(play(tag(), *whole("good"))) + b"\x00\x01garbage\r\n\r\n")
        assert connection.response().body == b"good"
        try:
            assert connection.response().status == 400
        except Cut:
            return
        connection.ended()


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_endless_header_section_is_refused(served: ServedApp, size: int) -> None:
    with served.connect() as connection:
        try:
            connection.send(
                b"GET /scope HTTP/1.1\r\nHost: x\r\n" + (b"X-Pad: " + b"p" * 990 + b"\r\n") * (size // 999)
            )
            connection.send(b"\r\n")
            response = connection.response()
        except (Cut, ConnectionError):
            pass
        else:
            assert response.status in (400, 413, 431)
    assert served.ask("/scope").status == 200


def test_upgrades_are_ignored(served: ServedApp) -> None:
    with served.connect() as connection:
        headers = [
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
        ]
        connection.request("GET", play(tag(), *whole("plain")), *headers)
        response = connection.response()
        assert (response.status, response.body, response.informational) == (200, b"plain", ())


@pytest.mark.skipif(sys.platform != "linux", reason="borrows the server's socket by pidfd")
def test_small_writes_do_not_wait_for_acknowledgements(served: ServedApp) -> None:
    """Without TCP_NODELAY the second small write of an answer comes 40 ms late."""
    with served.connect() as connection:
        connection.request("GET", "/scope")
        assert connection.response().status == 200
        theirs = borrow_peer(served.process.pid, connection.socket)
        if theirs is None:
            pytest.skip("the system does not lend out descriptors")
        with theirs:
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_connections_of_both_families(served: ServedApp) -> None:
    for host in ("127.0.0.1", "::1"):
        try:
            connection = RawConnection((host, served.port))
        except OSError:
            assert host == "::1"
            pytest.skip("no IPv6 here")
        with connection:
            connection.request("GET", "/scope")
            assert connection.response().status == 200


def test_unix_socket(server: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("no Unix sockets here")
    path = str(tmp_path_factory.mktemp("s") / "s")
    with ServedApp(server, "tests.server.apps:app", "--unix", path) as process:
        with process.connect() as connection:
            for _ in range(2):
                connection.request("GET", "/scope")
                shown = connection.response().json[1]
        assert shown["client"][1] is None or shown["client"][0] in ("tuple", "list")
        assert shown["server"][0] in ("tuple", "list", "NoneType")
        assert process.ask("/digest", method="POST", body=b"x" * 100_000).json["size"] == 100_000
