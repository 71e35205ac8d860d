"""A client of the gateway in raw HTTP/1.1: what it reads is what was sent, to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

PATIENCE = 60.0
"""Seconds that a client waits for anything; a request that takes longer is a hang."""


class Cut(Exception):
    """The connection ended before the answer was whole."""


@dataclass(slots=True)
class Head:
    """Status and framing of an answer."""

    status: int
    length: int | None
    closes: bool


class Connection:
    """One connection; `small` gives it a small receive buffer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def open_still(self) -> bool:
        """Tell whether the gateway has not closed it."""
        return not self._reader.at_eof()

    @classmethod
    async def open(cls, port: int, *, small: bool = False) -> Connection:
        """Connect."""
        sock = socket.socket()
        sock.setblocking(False)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            return cls(*await asyncio.open_connection(sock=sock, limit=8192 if small else 1 << 16))
        except BaseException:
            sock.close()
            raise

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """Send a request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def head(self) -> Head:
        """Read the header section. Raises :class:`Cut`."""
        block = await self._until(b"\r\n\r\n")
        line, *fields = block.decode("latin-1").split("\r\n")[:-2]
        found = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        length = None if found.get("transfer-encoding") == "chunked" else int(found["content-length"])
        return Head(int(line.split(" ")[1]), length, found.get("connection") == "close")

    async def some(self, head: Head) -> bytes:
        """Read one chunk, or the whole body of a known length; nothing at the end."""
        if head.length is not None:
            size, head.length = head.length, 0
            return await self._exactly(size)
        size = int(await self._until(b"\r\n"), 16)
        return (await self._exactly(size + 2))[:-2]

    async def body(self, head: Head, *, pause: float = 0.0) -> bytes:
        """Read the rest of the body, with a pause after each piece."""
        parts = []
        while part := await self.some(head):
            parts.append(part)
            if pause:
                await asyncio.sleep(pause)
        return b"".join(parts)

    def leave(self, *, reset: bool) -> None:
        """Go away with a RST or a FIN."""
        if reset:
            sock = self._writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _until(self, mark: bytes) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._reader.readuntil(mark)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut(type(error).__name__) from error

    async def _exactly(self, size: int) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut(type(error).__name__) from error


class Pool:
    """Connections that may be used again; those that the gateway closed meanwhile are not."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[Connection] = []

    async def take(self, *, fresh: bool) -> Connection:
        """Return a free connection, or a new one."""
        while self._free and not fresh:
            connection = self._free.pop()
            if connection.open_still:
                return connection
            connection.leave(reset=False)
        return await Connection.open(self._port)

    def give(self, connection: Connection, head: Head) -> None:
        """Keep a connection whose answer was read to its end."""
        if head.closes or len(self._free) >= 32:
            connection.leave(reset=False)
        else:
            self._free.append(connection)

    def close(self) -> None:
        """Close what is kept."""
        while self._free:
            self._free.pop().leave(reset=False)
