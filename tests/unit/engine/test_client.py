"""Both clients over real sockets: what goes out, timeouts, and which failures may be repeated."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from copilot_api.engine.client_interfaces import Client, ClientOptions, Relay, Timeouts, UpstreamCall
from copilot_api.engine.interfaces import (
    AnswerTooLarge,
    ConnectFailed,
    ConnectionLost,
    FirstByteTimeout,
    IdleTimeout,
)
from copilot_api.engine.reference.client import ReferenceClient

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Peer:
    """A scripted upstream: `heads` and `bodies` of requests, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.heads: list[bytes] = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def read_request(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            ),
            0,
        )
        await reader.readexactly(length)
        self.heads.append(head)


@asynccontextmanager
async def upstream(script: Script) -> AsyncIterator[Peer]:
    peer = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        try:
            await script(reader, writer, peer.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            peer.closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()


class Translating:
    """A streaming switch that is always on."""

    def is_native(self) -> bool:
        return True

    def translated(self, calls: int, seconds: float, *, panicked: bool) -> None: ...


def native_client() -> Client:
    native = pytest.importorskip("copilot_api.engine.native")

    def no_relay(*_: object) -> Relay:
        raise AssertionError("the relay is native")

    made: Client = native.NativeClient(ClientOptions(), Translating(), no_relay, environ={})
    return made


@pytest.fixture(params=["reference", "native"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    made = ReferenceClient(environ={}) if request.param == "reference" else native_client()
    yield made
    await made.aclose()


def call(peer: Peer, timeouts: Timeouts | None = None) -> UpstreamCall:
    return UpstreamCall(
        "POST", f"{peer.url}/x", (("X-Mine", "1"),), b'{"a":1}', timeouts or Timeouts(20, 20, 20)
    )


async def test_r11_only_the_calls_own_headers_go_out(client: Client) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await peer.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\nok")
        await peer.read_request(reader)
        writer.write(OK)
        await writer.drain()

    async with upstream(script) as peer:
        for _ in range(2):
            answer = await client.request(call(peer))
            assert await answer.read(10) == b"ok"
    names = [
        sorted(line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line) for head in peer.heads
    ]
    assert names == [[b"accept-encoding", b"content-length", b"host", b"x-mine"]] * 2
    assert peer.connections == 1


async def test_d_h13_connection_closed_while_idle_may_be_repeated(client: Client) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await peer.read_request(reader)
        writer.write(OK)
        await writer.drain()
        if number == 1:
            await reader.read(1)

    async with upstream(script) as peer:
        await (await client.request(call(peer))).read(10)
        with pytest.raises(ConnectFailed) as caught:
            await client.request(call(peer))
        assert not caught.value.sent
        assert await (await client.request(call(peer))).read(10) == b"ok"


async def test_r38_fresh_connection_that_dies_after_the_request_may_not(client: Client) -> None:
    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _n: int) -> None:
        await peer.read_request(reader)

    async with upstream(script) as peer:
        with pytest.raises(ConnectionLost) as caught:
            await client.request(call(peer))
    assert caught.value.sent


async def test_refused_connection(client: Client) -> None:
    async with upstream(lambda *_: asyncio.sleep(0)) as peer:
        pass
    with pytest.raises(ConnectFailed, match=r"cannot reach 127\.0\.0\.1"):
        await client.request(call(peer))


async def test_r30_first_byte_timeout(client: Client) -> None:
    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _n: int) -> None:
        await peer.read_request(reader)
        await reader.read()

    async with upstream(script) as peer:
        with pytest.raises(FirstByteTimeout) as caught:
            await client.request(call(peer, Timeouts(20, 0.1, 20)))
        assert caught.value.status == 504
        await peer.closed.wait()


async def test_silence_and_cut_inside_a_body(client: Client) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await peer.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok")
        await writer.drain()
        if number == 1:
            await reader.read()

    async with upstream(script) as peer:
        with pytest.raises(IdleTimeout):
            await (await client.request(call(peer, Timeouts(20, 20, 0.1)))).read(100)
        with pytest.raises(ConnectionLost):
            await (await client.request(call(peer))).read(100)


async def test_limit_of_a_body(client: Client) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await peer.read_request(reader)
        writer.write(OK)
        await reader.read()

    async with upstream(script) as peer:
        with pytest.raises(AnswerTooLarge):
            await (await client.request(call(peer))).read(1)


async def test_r35_gzip_is_decoded_though_not_asked_for(client: Client) -> None:
    packed = gzip.compress(b"hello")

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await peer.read_request(reader)
        body = packed if number == 1 else packed[:-6]
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
        writer.write(head + body)
        await writer.drain()

    async with upstream(script) as peer:
        assert await (await client.request(call(peer))).read(100) == b"hello"
    assert b"accept-encoding: identity" in peer.heads[0].lower()


async def test_r10_redirects_are_not_followed(client: Client) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await peer.read_request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: /trap\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    async with upstream(script) as peer:
        answer = await client.request(call(peer))
        assert answer.status == 302
        await answer.aclose()
    assert len(peer.heads) == 1


async def test_cancelled_call_closes_the_connection(client: Client) -> None:
    got = asyncio.Event()

    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _n: int) -> None:
        await peer.read_request(reader)
        got.set()
        await reader.read()

    async with upstream(script) as peer:
        task = asyncio.create_task(client.request(call(peer)))
        await got.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(peer.closed.wait(), 20)
