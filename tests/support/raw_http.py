"""HTTP/1.1 in bytes: a test sends exactly what it says, and what comes back is read strictly.

Nothing is forgiven: a response that an ordinary client would repair is a :class:`ProtocolViolation` here,
and one that ends early is :class:`Cut`, never a shorter body.
"""

from __future__ import annotations

import json
import re
import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

Address = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""

Framing = Literal["none", "length", "chunked", "close"]

PATIENCE = 20.0
"""Seconds that a test waits for bytes before it fails."""

_STATUS = re.compile(rb"HTTP/(1\.[01]) ([1-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")


class ProtocolViolation(AssertionError):
    """The server sent what HTTP/1.1 does not allow."""


class Cut(ConnectionError):
    """The connection ended before the response was whole. `got` is the body so far."""

    def __init__(self, how: str, got: bytes = b"") -> None:
        super().__init__(f"connection ended ({how}) after {len(got)} bytes of body")
        self.how = how
        self.got = got


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One whole response."""

    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    framing: Framing
    body: bytes = b""
    chunks: tuple[bytes, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    informational: tuple[int, ...] = ()
    """Statuses of the 1xx responses that came before."""

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header that may come once at most."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        """The server says that it will close, or has to."""
        tokens = {token.strip().lower() for value in self.all("connection") for token in value.split(",")}
        return (
            "close" in tokens
            or self.framing == "close"
            or (self.version == "1.0" and "keep-alive" not in tokens)
        )


@dataclass(slots=True)
class _Head:
    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    framing: Framing
    length: int = 0
    informational: list[int] = field(default_factory=list)


class RawConnection:
    """One connection to a server. `receive_buffer` is the kernel's, in bytes, for readers that stop."""

    def __init__(
        self, address: Address, *, timeout: float = PATIENCE, receive_buffer: int | None = None
    ) -> None:
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._buffer = bytearray()
        self._ended = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------- sending

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(
        self,
        method: str,
        target: str,
        *headers: tuple[str, str],
        body: bytes | None = None,
        version: str = "1.1",
    ) -> None:
        """Send one request in one piece; Host and Content-Length are added."""
        lines = [f"{method} {target} HTTP/{version}", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def finish_sending(self) -> None:
        """Send a FIN; reading goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close in the ordinary way: FIN, or RST when unread bytes are in the kernel."""
        self.socket.close()

    def abort(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # ------------------------------------------------------------------------------------------- reading

    def response(self, method: str = "GET") -> RawResponse:
        """Read one final response. Raises :class:`Cut` or :class:`ProtocolViolation`."""
        head = self.head(method)
        chunks: list[bytes] = []
        trailers: tuple[tuple[str, str], ...] = ()
        if head.framing == "length":
            chunks.append(self._exactly(head.length))
        elif head.framing == "chunked":
            try:
                while chunk := self._chunk():
                    chunks.append(chunk)
            except Cut as cut:
                raise Cut(cut.how, b"".join(chunks) + cut.got) from None
            trailers = self._fields()
        elif head.framing == "close":
            chunks.append(self.rest())
        return RawResponse(
            head.version,
            head.status,
            head.reason,
            head.headers,
            head.framing,
            b"".join(chunks),
            tuple(chunks),
            trailers,
            tuple(head.informational),
        )

    def head(self, method: str = "GET") -> _Head:
        """Read a header section, those of 1xx responses before it too; the body is then read by pieces."""
        informational: list[int] = []
        while True:
            line = self._line()
            match = _STATUS.fullmatch(line)
            if match is None:
                raise ProtocolViolation(f"status line {line[:200]!r}")
            version, status, reason = match[1].decode(), int(match[2]), match[3].decode("latin-1")
            headers = self._fields()
            if status >= 200:
                break
            informational.append(status)
        head = _Head(version, status, reason, headers, "none", informational=informational)
        _frame(head, method)
        return head

    def chunk(self) -> bytes:
        """Read the next chunk of a chunked body, empty for the last one (trailers are then read too)."""
        data = self._chunk()
        if not data:
            self._fields()
        return data

    def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        return self._exactly(size)

    def rest(self) -> bytes:
        """Read until the server closes with a FIN; a reset is :class:`Cut`."""
        while not self._ended:
            self._fill()
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._ended == "reset":
            raise Cut("reset", data)
        return data

    def ended(self) -> Literal["fin", "reset"]:
        """Wait until the server closes; bytes that come before are a violation."""
        while not self._ended:
            self._fill()
        if self._buffer:
            raise ProtocolViolation(f"bytes after the response: {bytes(self._buffer[:200])!r}")
        return "fin" if self._ended == "fin" else "reset"

    def _line(self) -> bytes:
        while (at := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > 1 << 20:
                raise ProtocolViolation("a line without end")
            self._fill()
            if self._ended:
                raise Cut(self._ended, bytes(self._buffer))
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 2]
        return line

    def _fields(self) -> tuple[tuple[str, str], ...]:
        found = []
        while line := self._line():
            match = _FIELD.fullmatch(line)
            if match is None:
                raise ProtocolViolation(f"header line {line[:200]!r}")
            found.append((match[1].decode(), match[2].decode("latin-1")))
        return tuple(found)

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if self._ended:
                raise Cut(self._ended, bytes(self._buffer))
            self._fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _chunk(self) -> bytes:
        line = self._line()
        if re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line) is None:
            raise ProtocolViolation(f"chunk size {line[:200]!r}")
        size = int(line, 16)
        if size == 0:
            return b""
        data = self._exactly(size)
        if (end := self._exactly(2)) != b"\r\n":
            raise ProtocolViolation(f"{end!r} after a chunk")
        return data

    def _fill(self) -> None:
        """Receive once. Afterwards either there are more bytes or `_ended` says how it ended."""
        if self._ended:
            return
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            self._ended = "reset"
            return
        if data:
            self._buffer += data
        else:
            self._ended = "fin"


def _frame(head: _Head, method: str) -> None:
    lengths = [value for name, value in head.headers if name.lower() == "content-length"]
    codings = [value for name, value in head.headers if name.lower() == "transfer-encoding"]
    if len(lengths) > 1 or (lengths and codings):
        raise ProtocolViolation(f"two framings: lengths {lengths}, codings {codings}")
    if lengths and re.fullmatch(r"\d{1,18}", lengths[0]) is None:
        raise ProtocolViolation(f"content-length {lengths[0]!r}")
    if codings and codings != ["chunked"]:
        raise ProtocolViolation(f"transfer-encoding {codings!r}")
    if codings and head.version == "1.0":
        raise ProtocolViolation("transfer-encoding in HTTP/1.0")
    if head.status == 204:
        if lengths or codings:
            raise ProtocolViolation(f"204 with a body's framing: {lengths or codings}")
        return
    if method == "HEAD" or head.status == 304:
        return
    if codings:
        head.framing = "chunked"
    elif lengths:
        head.framing, head.length = "length", int(lengths[0])
    else:
        head.framing = "close"


def exchange(
    address: Address,
    method: str,
    target: str,
    *headers: tuple[str, str],
    body: bytes | None = None,
    version: str = "1.1",
) -> RawResponse:
    """One request on a connection of its own, which the server is not asked to close."""
    with RawConnection(address) as connection:
        connection.request(method, target, *headers, body=body, version=version)
        return connection.response(method)


def chunked(*pieces: bytes) -> bytes:
    """A chunked body of these pieces."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
