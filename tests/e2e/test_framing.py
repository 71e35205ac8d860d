"""R-12 at the real program: what is not framed exactly is refused, and nothing behind it is a request.

Each payload is followed by a request of its own, which must not reach upstream. Under our own server that
holds for all, with and without TLS, and the answer is one 400. uvicorn reads some in a way of its own:
`UVICORN` says which, so that nobody is surprised.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import trustme

from copilot_api.simulator import SimulatorServer
from tests.support.process import GatewayProcess
from tests.support.raw_http import PATIENCE

HIDDEN = "hidden-behind"
BODY = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": HIDDEN}]})
BEHIND = (
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    f"Connection: close\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
)
POST = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"

FIELDS = (
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 0x5",
    "Content-Length: 5,6",
    "Content-Length: 5, 5",
    "Content-Length: 5 5",
    "Content-Length: 1_0",
    "Content-Length:",
    'Content-Length: "5"',
    "Content-Length: 5;",
    "Content-Length: \xb5",
    "Content-Length: 18446744073709551616",
    "Content-Length: 99999999999999999999999999",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 0\r\nContent-Length: 5",
    "Content-Length: 0\r\nContent-Length: 0",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked;q=1",
    'Transfer-Encoding: "chunked"',
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked\x0b",
    "Transfer-Encoding: \xa0chunked",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: chun\r\n ked",
    "Transfer-Encoding : chunked",
    "Content-Length : 5",
    " Content-Length: 5",
    "X: a\r\n folded",
    "X: a\0b",
    "X: a\rb",
    "X: a\n",
    "X: a\nContent-Length: 5",
    "X",
    ": a",
    "X Y: a",
    "X\xe9: a",
)
REQUESTS = (
    f"{POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
    "POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\nHost: localhost\n\n",
    "GET / HTTP/1.1\r\nHost: localhost\n\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\n\n",
    "\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    " GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n",
    "GET / HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "GET /\r\nHost: localhost\r\n\r\n",
    "GET / HTTP/1.1\rHost: localhost\r\n\r\n",
    *(
        CHUNKED + body
        for body in (
            "g\r\n",
            "+2\r\n{}\r\n0\r\n\r\n",
            "-0\r\n\r\n",
            "0x2\r\n{}\r\n0\r\n\r\n",
            "2_0\r\n",
            " 2\r\n{}\r\n0\r\n\r\n",
            "2 \r\n{}\r\n0\r\n\r\n",
            "2\n{}\r\n0\r\n\r\n",
            "2\r\n{}\n0\r\n\r\n",
            "2\r\n{}0\r\n\r\n",
            "2;a\0\r\n{}\r\n0\r\n\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\nX : y\r\n\r\n",
            "0\r\n\n",
        )
    ),
)
HUGE = CHUNKED + "10000000000000002\r\n{}\r\n0\r\n\r\n"
"""A chunk longer than anybody will ever send: h11 waits for it."""
PAYLOADS = tuple(f"{POST}{field}\r\n\r\n" for field in FIELDS) + REQUESTS + (HUGE,)

UVICORN: dict[str, tuple[str, ...]] = {
    # h11 repairs them and goes on with what is behind. A front that repairs otherwise could be led astray by
    # it: before uvicorn there should be none that forwards such bytes.
    "served": (
        "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "X: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\nHost: localhost\n\n",
        "GET / HTTP/1.1\r\nHost: localhost\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\n",
        "GET / HTTP/1.2\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2;a\0\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
    ),
    # What is behind the part that h11 read for a body is refused by itself.
    "two answers": (
        "Content-Length: 5, 5\r\n\r\n",
        "X: a\n\r\n\r\n",
        "X: a\nContent-Length: 5\r\n\r\n",
    ),
    "no answer": (HUGE.removeprefix(POST),),
}
"""What h11 makes of some, where it is not one refusal."""


@contextlib.contextmanager
def gateway(
    simulator: SimulatorServer, home: Path, *arguments: str, https: bool = False
) -> Iterator[GatewayProcess]:
    made = GatewayProcess(home, simulator.url, *arguments)
    if https:
        made.listening = r"Listening on: https://localhost:(\d+)/"
    with made as process:
        yield process


def talk(connection: socket.socket, payload: str, *, leaves: bool = False) -> bytes:
    """Send all and return what comes until the end; a reset after an answer is an end."""
    came = b""
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
        connection.sendall((payload + BEHIND).encode("latin-1"))
        if leaves:
            connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
        while piece := connection.recv(65536):
            came += piece
    return came


def judge(simulator: SimulatorServer, payload: str, came: bytes) -> str:
    """Say in a few words what happened."""
    reached = [each for each in simulator.state.requests if HIDDEN.encode() in each.body]
    simulator.state.requests.clear()
    answers = came.count(b"HTTP/1.1 ") + came.count(b"HTTP/1.0 ")
    if reached:
        return "served"
    if answers == 1:
        return "refused" if came[9:10] in (b"4", b"5") else "one answer"
    return "two answers" if answers else "no answer"


def test_r12_our_own_server_refuses_all(simulator: SimulatorServer, tmp_path: Path) -> None:
    assert len(PAYLOADS) >= 50
    with gateway(simulator, tmp_path, "--server", "native") as process:
        for payload in PAYLOADS:
            with socket.create_connection(("127.0.0.1", process.port), PATIENCE) as connection:
                came = talk(connection, payload)
            assert judge(simulator, payload, came) == "refused", (payload, came)
            assert came[9:12] == b"400"
            assert b"\r\nconnection: close\r\n" in came


def test_r12_our_own_server_refuses_all_behind_tls(simulator: SimulatorServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with gateway(simulator, tmp_path, "--tls-certificate", str(chain), https=True) as process:
        for payload in PAYLOADS:
            with (
                socket.create_connection(("127.0.0.1", process.port), PATIENCE) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                came = talk(connection, payload)
            assert judge(simulator, payload, came) == "refused", (payload, came)
            assert came[9:12] == b"400"


def test_r12_uvicorn_refuses_all_but_what_is_written_down(simulator: SimulatorServer, tmp_path: Path) -> None:
    found: dict[str, tuple[str, ...]] = {}
    with gateway(simulator, tmp_path, "--server", "uvicorn") as process:
        for payload in PAYLOADS:
            with socket.create_connection(("127.0.0.1", process.port), PATIENCE) as connection:
                came = talk(connection, payload, leaves=payload == HUGE)
            if (outcome := judge(simulator, payload, came)) != "refused":
                found[outcome] = (*found.get(outcome, ()), payload.removeprefix(POST))
    assert found == UVICORN
