"""One request while it runs: what is put aside of it. Nothing is copied or looked at before it is over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from copilot_api.engine.client_interfaces import Client, Relay, Upstream, UpstreamCall
from copilot_api.engine.interfaces import RequestBody, StreamPlan
from copilot_api.engine.server_interfaces import RELAY_EXTENSION
from copilot_api.http.asgi import Message, Request
from copilot_api.records import replace

if TYPE_CHECKING:
    from copilot_api.ledger.entry import Entry

BODY_LIMIT = 1024 * 1024
"""Bytes of each body that are kept."""


class Exchange:
    """One call of Copilot."""

    def __init__(self, call: UpstreamCall) -> None:
        self.call = call
        self.began = time.monotonic()
        self.head = self.ended = 0.0
        """When the status came and when the call was over, in monotonic seconds; 0 is never."""
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.body = b""
        self.size = 0
        self.relay: Relay | None = None
        self.error = ""


class Draft:
    """One request of a client."""

    def __init__(self, request: Request) -> None:
        self.at = time.time()
        self.began = time.monotonic()
        self.ended = 0.0
        self.method = request.method
        query: bytes = request.scope.get("query_string", b"")
        self.target = f"{request.path}?{query.decode('latin-1')}" if query else request.path
        self.version: str = request.scope.get("http_version", "1.1")
        self.headers: list[tuple[bytes, bytes]] = [*request.scope["headers"]]
        self.body: RequestBody = b""
        self.exchanges: list[Exchange] = []
        self.status = 0
        self.answer_headers: list[tuple[bytes, bytes]] = []
        self.answer = bytearray()
        self.answer_size = 0
        self.first_byte = 0.0
        self.entry: Entry | None = None
        self.id = ""
        self.rewrites = ""
        self.handed_over = False
        """The server took the relay: what the client got, only that knows."""

    def note(self, message: Message) -> None:
        """Look at what is sent to the client."""
        if message["type"] == "http.response.start":
            self.first_byte = time.monotonic()
            self.status = message["status"]
            self.answer_headers = [*message["headers"]]
        elif message["type"] == RELAY_EXTENSION:
            self.handed_over = True
        else:
            piece = message.get("body", b"")
            self.answer_size += len(piece)
            if len(self.answer) < BODY_LIMIT:
                self.answer += piece[: BODY_LIMIT - len(self.answer)]


CURRENT: ContextVar[Draft | None] = ContextVar("copilot_api_draft", default=None)


class WatchedClient:
    """A client that notes the calls of requests that are captured."""

    def __init__(self, inner: Client) -> None:
        self._inner = inner

    async def request(self, call: UpstreamCall) -> Upstream:
        """Send one call."""
        draft = CURRENT.get()
        # What the gateway asks for itself while a request runs (the model list) is not the request's.
        if draft is None or call.method != "POST":
            return await self._inner.request(call)
        exchange = Exchange(call)
        draft.exchanges.append(exchange)
        try:
            upstream = await self._inner.request(call)
        except BaseException as error:
            exchange.ended = time.monotonic()
            exchange.error = type(error).__name__
            raise
        exchange.head = exchange.ended = time.monotonic()
        exchange.status, exchange.headers = upstream.status, upstream.headers
        return _WatchedUpstream(upstream, exchange)

    async def aclose(self) -> None:
        """Close the pool."""
        await self._inner.aclose()


class _WatchedUpstream:
    """The answer of a call, whose body is kept."""

    def __init__(self, inner: Upstream, exchange: Exchange) -> None:
        self._inner = inner
        self._exchange = exchange
        self.status = inner.status
        self.headers = inner.headers

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        exchange = self._exchange
        try:
            body = await self._inner.read(limit)
        except BaseException as error:
            exchange.error = type(error).__name__
            raise
        finally:
            exchange.ended = time.monotonic()
        exchange.body, exchange.size = body[:BODY_LIMIT], len(body)
        return body

    def relay(self, plan: StreamPlan) -> Relay:
        """Consume the body as a stream; the relay itself keeps what passes."""
        relay = self._exchange.relay = self._inner.relay(replace(plan, capture=BODY_LIMIT))
        return relay

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()
