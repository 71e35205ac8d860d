"""The pretend GitHub and Copilot of the soak, a process of its own: ``python -m tools.soak.upstream``.

It prints its URL and ends when its standard input does. ``/_soak/…`` tells the soak what it saw. Times are
`time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import struct
import sys
import time
from typing import Any

from copilot_api.simulator.models import model_list

from . import frames
from .orders import BEFORE, HOLDS, LEGS, WITHIN, Leg, Order, read

LATE = 0.05
"""Seconds that a late head comes late."""
TOKEN_LIFE = 45.0
"""Seconds that a Copilot token lives; it asks to be renewed ten seconds before."""
YOUNG = 10.0
"""Seconds in which a token is not revoked."""
STREAM = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)


class State:
    """What has happened so far."""

    def __init__(self) -> None:
        self.requests = 0
        self.tokens: dict[str, float] = {}
        self.issued = self.expired = self.lists = 0
        self.gone: list[tuple[int, float]] = []
        """Number of an order and when its connection was closed before its answer was whole."""
        self.begun: list[int] = []
        """Orders that will not be answered and have come: those who leave them must be seen to leave."""
        self.peers: set[Peer] = set()
        self.refused: set[int] = set()
        """Orders whose token was refused once, as they ask."""

    def seen(self) -> dict[str, Any]:
        """Return the counts, and what was not told yet of those who left."""
        gone, self.gone = self.gone, []
        begun, self.begun = self.begun, []
        return {
            "requests": self.requests,
            "tokens": self.issued,
            "expired": self.expired,
            "lists": self.lists,
            "connections": len(self.peers),
            "gone": gone,
            "begun": begun,
        }


class Peer(asyncio.Protocol):
    """One connection of the gateway."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._buffer = bytearray()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._order: Order | None = None
        self.closed = False

    # ------------------------------------------------------------------------------------------ protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Know it."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._state.peers.add(self)

    def data_received(self, data: bytes) -> None:
        """Serve when a request is whole."""
        self._buffer += data
        if self._task is None:
            self._next()

    def eof_received(self) -> None:
        """Take a FIN as the end; a gateway closes nothing by halves."""
        self._lost()

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget it."""
        self._lost()
        self._state.peers.discard(self)

    def pause_writing(self) -> None:
        """Wait: the gateway does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def _lost(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._task is not None:
            if self._order is not None:
                self._state.gone.append((self._order.number, time.monotonic()))
            self._task.cancel()

    # ------------------------------------------------------------------------------------------- serving

    @property
    def idle(self) -> bool:
        """Tell whether no request is served on it."""
        return self._task is None

    def _next(self) -> None:
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0:
            return
        line, *lines = bytes(self._buffer[:at]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        size = int(headers.get("content-length", 0))
        if len(self._buffer) < at + 4 + size:
            return
        body = bytes(self._buffer[at + 4 : at + 4 + size])
        del self._buffer[: at + 4 + size]
        method, target, _ = line.split(" ")
        self._task = asyncio.get_running_loop().create_task(self._serve(method, target, headers, body))

    async def _serve(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        try:
            await self._answer(method, target.partition("?")[0], headers, body)
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        self._task = self._order = None
        if self._buffer and not self.closed:
            self._next()

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        state = self._state
        if path.startswith("/_soak/"):
            if path == "/_soak/close_idle":
                for peer in list(state.peers):
                    if peer.idle:
                        peer.transport.close()
            elif path == "/_soak/revoke":
                # Not the youngest: a request that was just refused must not be refused again.
                young = time.time() + TOKEN_LIFE - YOUNG
                state.tokens = {token: end for token, end in state.tokens.items() if end > young}
            self._whole(200, state.seen() if path == "/_soak/seen" else {})
        elif path == "/copilot_internal/v2/token":
            self._whole(200, self._token())
        elif path == "/user":
            self._whole(200, {"login": "octocat-soak"})
        elif path == "/models":
            state.lists += 1
            self._whole(200, {"object": "list", "data": model_list()})
        elif method == "POST" and path in LEGS:
            state.requests += 1
            await self._generate(LEGS[path], headers, body)
        else:
            self._whole(404, {"message": "not found"})

    def _token(self) -> dict[str, Any]:
        now = time.time()
        tokens = self._state.tokens
        for old in [token for token, end in tokens.items() if end < now]:
            del tokens[old]
        token = f"tid=soak{secrets.token_hex(8)}"
        tokens[token] = now + TOKEN_LIFE
        self._state.issued += 1
        return {
            "token": token,
            "refresh_in": TOKEN_LIFE - 10,
            "expires_at": int(now + TOKEN_LIFE),
            "endpoints": {},
        }

    async def _generate(self, leg: Leg, headers: dict[str, str], body: bytes) -> None:
        order = self._order = read(body)
        token = headers.get("authorization", "").partition(" ")[2]
        expired = self._state.tokens.get(token, 0) < time.time()
        if order is not None and order.fate == "expired" and order.number not in self._state.refused:
            self._state.refused.add(order.number)
            expired = True
        if order is not None and order.fate in HOLDS and not expired:
            self._state.begun.append(order.number)
        if expired:
            self._state.expired += 1
            self._whole(401, b"unauthorized: token expired\n")
        elif order is None:
            self._whole(400, {"error": {"message": "no order in the request", "code": "soak"}})
        elif order.fate in BEFORE:
            self._fail(order.fate)
        elif order.fate in ("hold_head", "hold_plain"):
            await asyncio.Event().wait()
        else:
            if order.fate == "late":
                await asyncio.sleep(LATE)
            if order.stream:
                await self._stream(order, leg)
            else:
                await self._plain(order, leg)
            if order.fate == "bored":
                self.transport.close()

    def _fail(self, fate: str) -> None:
        if fate == "close":
            self._close()
        elif fate == "html":
            self._whole(200, b"<html><title>Hotel</title></html>", (("content-type", "text/html"),))
        else:
            error = {"error": {"message": "as ordered", "code": "soak"}}
            self._whole(int(fate.removeprefix("status")), error, (*JSON, ("retry-after", "1")))

    async def _plain(self, order: Order, leg: Leg) -> None:
        content = frames.whole(order, leg)
        if order.fate not in WITHIN:
            self._whole(200, content)
            return
        self.transport.write(_head(200, JSON, len(content)) + content[: len(content) // 2])
        await self._break(order.fate, leg)

    async def _stream(self, order: Order, leg: Leg) -> None:
        parts = frames.stream(order, leg)
        self.transport.write(_head(200, STREAM, None))
        if order.fate == "hold_first":
            await asyncio.Event().wait()
        breaks = order.fate in WITHIN or order.fate == "hold_within"
        for part in frames.until_failure(parts) if breaks else parts:
            await self._writable.wait()
            self.transport.write(_chunk(part))
            if order.pace:
                await asyncio.sleep(order.pace / 1000)
        if order.fate == "hold_within":
            await asyncio.Event().wait()
        elif breaks:
            await self._break(order.fate, leg)
        else:
            self.transport.write(b"0\r\n\r\n")

    async def _break(self, fate: str, leg: Leg) -> None:
        if fate == "silent":
            await asyncio.Event().wait()
        elif fate == "reset":
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._close(abort=True)
        elif fate == "cut":
            self._close()
        elif fate == "stop":
            self.transport.write(b"0\r\n\r\n")
        else:
            broken = frames.event(frames.ERRORS[leg]) if fate == "error" else b"data: {not json\n\n"
            self.transport.write(_chunk(broken) + b"0\r\n\r\n")

    def _close(self, *, abort: bool = False) -> None:
        self.closed = True
        if abort:
            self.transport.abort()
        else:
            self.transport.close()

    def _whole(self, status: int, value: Any, headers: Any = JSON) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.transport.write(_head(status, headers, len(content)) + content)


def _head(status: int, headers: Any, length: int | None) -> bytes:
    framing = ("transfer-encoding", "chunked") if length is None else ("content-length", str(length))
    lines = [f"HTTP/1.1 {status} Soak", *(f"{name}: {value}" for name, value in (*headers, framing)), "", ""]
    return "\r\n".join(lines).encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _main() -> None:
    state = State()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(state), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    over = asyncio.Event()

    def heard() -> None:
        if not os.read(sys.stdin.fileno(), 1 << 16):
            over.set()

    loop.add_reader(sys.stdin.fileno(), heard)
    loop.add_signal_handler(signal.SIGINT, over.set)
    await over.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
