"""One connection of the scripted upstream; its socket is read all the time, so that a close shows at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

Ended = Literal["fin", "reset"]
T = TypeVar("T")


class PeerGone(Exception):
    """The gateway closed the connection while a script was running."""


@dataclass(slots=True)
class Connection:
    """One accepted connection. The times are `time.monotonic()`."""

    number: int
    peer: tuple[str, int]
    bytes_in: int = 0
    bytes_out: int = 0
    ended: Ended | None = None
    """How the gateway closed it."""
    ended_at: float | None = None
    closed_by_us: bool = False
    requests: int = 0


class Wire:
    """The socket of one connection; everything here runs in the upstream's loop."""

    def __init__(
        self, sock: socket.socket, record: Connection, change: Callable[[Callable[[], object]], None]
    ) -> None:
        self.record = record
        self.busy = False
        self.shut_by_us = False
        self.gone = asyncio.Event()
        self._socket = sock
        self._change = change
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._more = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    def start_reading(self) -> None:
        self._reader = self._loop.create_task(self._read())

    async def request(self) -> tuple[bytes, bytes]:
        """Return head and body of the next request. Raises :class:`PeerGone`."""
        head = await self._until(lambda: self._buffer.find(b"\r\n\r\n"))
        self.busy = True
        block = bytes(self._buffer[:head])
        del self._buffer[: head + 4]
        fields = [each.partition(b":") for each in block.lower().split(b"\r\n")[1:]]
        values = {name: value.strip() for name, _, value in fields}
        if values.get(b"transfer-encoding") == b"chunked":
            return block, await self._chunked()
        return block, await self._exactly(int(values.get(b"content-length", 0)))

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self.gone.is_set() or self.shut_by_us:
                raise PeerGone
            try:
                taken = self._socket.send(view)
            except BlockingIOError:
                await self.until_gone(self.writable())
                continue
            except OSError:
                self._ended("reset")
                raise PeerGone from None
            view = view[taken:]
            self.record.bytes_out += taken

    async def writable(self) -> None:
        """Wait until the kernel takes bytes again."""
        free = self._loop.create_future()
        number = self._socket.fileno()
        self._loop.add_writer(number, lambda: free.done() or free.set_result(None))
        try:
            await free
        finally:
            self._loop.remove_writer(number)

    async def until_gone(self, other: Awaitable[T]) -> T:
        wanted = asyncio.ensure_future(other)
        gone = asyncio.ensure_future(self.gone.wait())
        try:
            await asyncio.wait({wanted, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise PeerGone
            return wanted.result()
        finally:
            for each in (wanted, gone):
                each.cancel()
            await asyncio.gather(wanted, gone, return_exceptions=True)

    def half_close(self) -> None:
        """Send a FIN and go on reading."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def shut(self, how: Ended) -> None:
        """Close, with FIN or RST."""
        if self.shut_by_us:
            return
        self.shut_by_us = self.record.closed_by_us = True
        if self._reader is not None:
            self._reader.cancel()
        if how == "reset":
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.half_close()
        self._socket.close()

    def bored(self) -> None:
        if not self.busy:
            self.half_close()

    async def _read(self) -> None:
        while not self.gone.is_set():
            try:
                data = await self._loop.sock_recv(self._socket, 1 << 18)
            except OSError:
                self._ended("reset")
                return
            if not data:
                self._ended("fin")
                return
            self.record.bytes_in += len(data)
            self._buffer += data
            self._more.set()

    def _ended(self, how: Ended) -> None:
        if self.record.ended is None:
            self.record.ended_at = time.monotonic()
            self._change(lambda: setattr(self.record, "ended", how))
        self.gone.set()
        self._more.set()

    async def _until(self, find: Callable[[], int]) -> int:
        while (at := find()) < 0:
            if self.gone.is_set():
                raise PeerGone
            self._more.clear()
            await self._more.wait()
        return at

    async def _exactly(self, size: int) -> bytes:
        await self._until(lambda: 0 if len(self._buffer) >= size else -1)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def _chunked(self) -> bytes:
        parts = []
        while True:
            at = await self._until(lambda: self._buffer.find(b"\r\n"))
            size = int(bytes(self._buffer[:at]).partition(b";")[0], 16)
            del self._buffer[: at + 2]
            parts.append((await self._exactly(size + 2))[:-2])
            if size == 0:
                return b"".join(parts)
