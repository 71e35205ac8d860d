"""Handing a relay to the client. The one place that knows how."""

from __future__ import annotations

from copilot_api.engine.client_interfaces import Relay
from copilot_api.engine.server_interfaces import RELAY_EXTENSION
from copilot_api.http.asgi import Headers, Receive, Scope, Send, start


class StreamResponse:
    """A response whose body is a relay, under any ASGI server.

    Our own server takes a native relay over: then no piece of it passes through here.
    """

    __slots__ = ("_headers", "relay", "status")

    def __init__(self, relay: Relay, headers: Headers) -> None:
        self.status = 200
        self.relay = relay
        self._headers = tuple(headers)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head at once, then every piece as it comes."""
        await send(start(self.status, self._headers))
        native = self.relay.native
        if native is not None and RELAY_EXTENSION in scope.get("extensions", ()):
            await send({"type": RELAY_EXTENSION, "relay": native})
            return
        async for piece in self.relay:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
