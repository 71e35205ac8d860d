"""A client that stops reading stops the app's `send`, not the server's memory, and nobody else."""

from __future__ import annotations

import contextlib
import select
import sys

import pytest

from tests.server.play import play, send, start, tag
from tests.support.raw_http import RawConnection
from tests.support.served_app import ServedApp

MIB = 1024 * 1024
PIECE = 32 * 1024
TOTAL = 64 * MIB
KERNEL = 16 * MIB
"""More than the two kernels' buffers of one loopback connection ever hold."""


def hose(served: ServedApp, name: str, *headers: tuple[str, str], total: int = TOTAL) -> RawConnection:
    connection = served.connect(receive_buffer=64 * 1024)
    connection.request("GET", play(name, *send(start(200, headers)), ["hose", PIECE, total]))
    return connection


def drain(connection: RawConnection) -> int:
    head, size = connection.head(), 0
    if head.framing == "chunked":
        while data := connection.chunk():
            size += len(data)
        return size
    while size < head.length:
        size += len(connection.exactly(min(MIB, head.length - size)))
    return size


@pytest.mark.parametrize("headers", [[], [("content-length", str(TOTAL))]], ids=["chunked", "length"])
def test_reader_that_stops_makes_send_wait(served: ServedApp, headers: list[tuple[str, str]]) -> None:
    before = served.resident() if sys.platform == "linux" else 0
    name = tag()
    with hose(served, name, *headers) as connection:
        stalled = served.event("stalled", name)
        assert stalled["sent"] < KERNEL
        if sys.platform == "linux":
            assert served.resident() - before < 8 * MIB
        assert "hosed" not in served.told(name)
        assert drain(connection) == TOTAL
    served.event("hosed", name)


def test_stalled_readers_delay_nobody(served: ServedApp) -> None:
    names = [tag() for _ in range(5)]
    connections = [hose(served, name) for name in names]
    for name in names:
        served.event("stalled", name)
    for _ in range(20):
        assert served.ask("/scope").status == 200
    other = tag()
    with hose(served, other, total=2 * MIB) as reading:
        assert drain(reading) == 2 * MIB
    for name, connection in zip(names, connections, strict=True):
        assert "hosed" not in served.told(name)
        connection.abort()


@pytest.mark.parametrize("how", ["reset", "fin"])
def test_stalled_reader_that_goes_frees_its_app(served: ServedApp, how: str) -> None:
    """The `send` that waits ends: nothing more is kept for a client that is not there."""
    name = tag()
    connection = hose(served, name)
    served.event("stalled", name)
    if how == "reset":
        connection.abort()
    else:
        connection.close()
    served.wait_for(
        lambda told: told.get("tag") == name and told["event"] in ("hosed", "raised", "returned"),
        f"end of {name}",
    )


def test_uploads_are_not_kept_without_bound(served: ServedApp) -> None:
    """An app that does not read lets the kernel stop the client, or the server refuses beyond its limit."""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    before = served.resident()
    name = tag()
    with served.connect(timeout=0.7) as connection:
        target = play(name, ["gate", name])
        connection.send(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 33}\r\n\r\n".encode())
        sent = 0
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < 128 * MIB and not select.select([connection.socket], [], [], 0)[0]:
                connection.send(bytes(MIB))
                sent += MIB
        assert sent < 64 * MIB
        assert served.resident() - before < 48 * MIB
    served.open(name)
