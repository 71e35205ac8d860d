"""The limits of our own server, as options of the process (R-12, R-14, R-15, R-16).

The defaults and the figures are tested in Rust, in virtual time; here it is shown that each option arrives,
and what a client gets.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from tests.server.play import gate, play, tag, whole
from tests.support.raw_http import Cut
from tests.support.served_app import ServedApp

POST = b"POST /digest HTTP/1.1\r\nHost: x\r\n"


def limited(server: str, **options: Any) -> ServedApp:
    if server != "native":
        pytest.skip("options of the native server")
    return ServedApp(server, "tests.server.apps:app", "--options", json.dumps(options))


def test_slow_head(server: str) -> None:
    with limited(server, header_timeout=0.2) as served, served.connect() as connection:
        connection.send(b"GET /scope HTTP/1.1\r\nHo")
        assert connection.response().status == 408
        connection.ended()


def test_slow_body(server: str) -> None:
    with limited(server, body_stall=0.2) as served, served.connect() as connection:
        connection.send(POST + b"Content-Length: 10\r\n\r\nabc")
        response = connection.response()
        assert response.status == 408
        assert response.json["error"]["message"]
        connection.ended()


def test_idle_connection(server: str) -> None:
    with limited(server, keep_alive=1.0) as served, served.connect() as unused, served.connect() as used:
        used.request("GET", "/scope")
        assert used.response().status == 200
        assert used.ended() == "fin"
        assert unused.ended() == "fin"


def test_reader_that_takes_nothing(server: str) -> None:
    name = tag()
    with limited(server, write_stall=0.2) as served, served.connect(receive_buffer=65536) as connection:
        connection.request(
            "GET",
            play(name, ["send", {"type": "http.response.start", "status": 200}], ["hose", 65536, 1 << 28]),
        )
        served.event("raised", name)
        with pytest.raises(Cut):
            connection.response()


def test_large_head(server: str) -> None:
    with limited(server, header_limit=4096) as served:
        with served.connect() as connection:
            connection.request("GET", "/scope", ("X-Pad", "p" * 3000))
            assert connection.response().status == 200
        with served.connect() as connection:
            connection.request("GET", "/scope", ("X-Pad", "p" * 5000))
            assert connection.response().status == 431
            connection.ended()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_large_body(server: str, framing: str) -> None:
    with limited(server, body_limit=1000) as served:
        assert served.ask("/digest", method="POST", body=b"x" * 1000).json["size"] == 1000
        with served.connect() as connection:
            if framing == "length":
                connection.send(POST + b"Content-Length: 1001\r\n\r\n")
            else:
                connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n")
            response = connection.response()
            assert response.status == 413
            assert "1000 bytes" in response.json["error"]["message"]
            connection.ended()


def test_expectation_of_a_body_that_is_too_large(server: str) -> None:
    """Refused before the client sends it."""
    with limited(server, body_limit=1000) as served, served.connect() as connection:
        connection.send(POST + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
        response = connection.response()
        assert (response.status, response.informational) == (413, ())


def test_too_many_connections(server: str) -> None:
    name = tag()
    with limited(server, max_connections=2) as served, contextlib.ExitStack() as stack:
        held = [stack.enter_context(served.connect()) for _ in range(2)]
        for number, connection in enumerate(held):
            connection.request("GET", play(f"{name}-{number}", gate(name), *whole("held")))
            served.event("waiting", f"{name}-{number}")
        with served.connect() as surplus:
            surplus.request("GET", "/scope")
            response = surplus.response()
            assert response.status == 503
            assert response.header("retry-after")
        served.open(name)
        for connection in held:
            assert connection.response().body == b"held"
