"""Requests and responses over raw ASGI 3, in Starlette's shape and a twentieth of its memory.

A response is itself an ASGI app. A handler takes a :class:`Request` and returns, or yields, a response.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol
from urllib.parse import parse_qs

from copilot_api.engine.interfaces import RequestBody
from copilot_api.keys.caller import ANYONE, Caller
from copilot_api.redaction import redact_query

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Headers = Iterable[tuple[str, str]]

BODY_SILENCE = 30.0
"""Seconds without a piece of the body until the request is given up (R-15)."""

OWN_SERVER = "copilot_api.cancel_on_disconnect"
"""The ASGI extension of our own server. It cancels the task of a request whose client has gone away, and has
read the body, within limits of time and size, before the app is called."""


class ClientDisconnected(Exception):
    """The client closed the connection before its request was whole."""


class BodyTooSlow(Exception):
    """The client stopped sending its body."""


class BodyTooLarge(Exception):
    """The body is over the limit; `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request body is larger than {limit} bytes")
        self.limit = limit


class Request:
    """One HTTP request; the body is read on demand."""

    __slots__ = (
        "_headers",
        "_receive",
        "caller",
        "first",
        "has_repeats",
        "method",
        "own_server",
        "parameter",
        "path",
        "scope",
        "target",
    )

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        """In upper case."""
        self.path: str = scope["path"]
        """Decoded, as the server gave it."""
        self.parameter = ""
        """The part of the path that the route's pattern leaves open."""
        self.caller: Caller = ANYONE
        """Who asks, as the guard found out."""
        query = scope.get("query_string", b"")
        self.target = f"{self.path}?{redact_query(query.decode('latin-1'))}" if query else self.path
        """Path and query as they came, but for keys, for the request log."""
        self.own_server = OWN_SERVER in (scope.get("extensions") or ())
        """Our own server runs the app, see `OWN_SERVER`."""
        self._headers: list[tuple[bytes, bytes]] = [*scope["headers"]]
        # Backwards, so that the first of several values stays.
        self.first: dict[bytes, bytes] = dict(reversed(self._headers))
        """The headers by name, of several with one name the first."""
        self.has_repeats = len(self.first) != len(self._headers)
        """Some name comes more than once."""

    def header(self, name: str) -> str | None:
        """Return the first value of a header; `name` is in lower case."""
        value = self.first.get(name.encode())
        return None if value is None else value.decode("latin-1").strip()

    def headers(self, name: str) -> list[str]:
        """Return all values of a header; `name` is in lower case."""
        wanted = name.encode()
        return [value.decode("latin-1").strip() for key, value in self._headers if key == wanted]

    def query(self, name: str) -> str:
        """Return the first value of a query parameter, decoded; empty when it is not there."""
        given: bytes = self.scope.get("query_string", b"")
        if name.encode() not in given:
            return ""
        try:
            values = parse_qs(given.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            return ""
        return values.get(name, [""])[0]

    async def body(self, limit: int) -> RequestBody:
        """Return the whole body.

        Raises :class:`BodyTooLarge` before more than `limit` bytes are kept, :class:`BodyTooSlow` when
        nothing comes for `BODY_SILENCE` seconds, and :class:`ClientDisconnected`.
        """
        if not self.own_server:
            length = self.header("content-length")
            if length is not None and length.isdigit() and int(length) > limit:
                raise BodyTooLarge(limit)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive() if self.own_server else await self._receive_soon()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            part: RequestBody = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise BodyTooLarge(limit)
            last = not message.get("more_body", False)
            if last and not parts:
                return part
            parts.append(bytes(part))
            if last:
                return b"".join(parts)

    async def _receive_soon(self) -> Message:
        try:
            async with asyncio.timeout(BODY_SILENCE):
                return await self._receive()
        except TimeoutError:
            raise BodyTooSlow from None


class Response(Protocol):
    """Something that answers: an ASGI app that knows its status."""

    status: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> None:
        """Send the response."""


class PlainResponse:
    """A response with a whole body."""

    __slots__ = ("_headers", "content", "status")

    def __init__(self, status: int, content: bytes, headers: Headers = ()) -> None:
        self.status = status
        self.content = content
        self._headers = tuple(headers)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send head and body; a HEAD request gets the head alone."""
        message = start(self.status, self._headers)
        if self.status != 204:
            message["headers"].append((b"content-length", b"%d" % len(self.content)))
        await send(message)
        content = b"" if scope["method"] == "HEAD" else self.content
        await send({"type": "http.response.body", "body": content, "more_body": False})


PAGE_HEADERS = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""Headers of what a person may open in a browser (R-20): nothing on it runs, and nothing of it is kept."""


def start(status: int, headers: Headers) -> Message:
    """Return the message that opens a response."""
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }


def text(status: int, content: str, headers: Headers = ()) -> PlainResponse:
    """Return a plain text response."""
    return PlainResponse(status, content.encode(), (("content-type", "text/plain; charset=UTF-8"), *headers))


def json_response(status: int, value: Any, headers: Headers = ()) -> PlainResponse:
    """Return `value` as compact JSON, non-ASCII unescaped."""
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return PlainResponse(status, content, (("content-type", "application/json"), *headers))
