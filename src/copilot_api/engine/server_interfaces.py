"""The contract of the component "server": it hosts the ASGI app and takes relays over.

The rules of :mod:`copilot_api.engine.interfaces` hold here too.
"""

from __future__ import annotations

from typing import Protocol

from copilot_api.records import record

RELAY_EXTENSION = "copilot_api.response.relay"
"""ASGI extension of our own server, and the type of its message: ``{"type": …, "relay": native}`` once, after
``http.response.start``, in place of all bodies. `send` returns when the relay is over."""

CANCEL_EXTENSION = "copilot_api.cancel_on_disconnect"
"""ASGI extension of our own server: it cancels the request's task when the client goes away."""

BODY_EXTENSION = "copilot_api.request.body"
"""ASGI extension of our own server: the body in ``http.request`` is a :class:`RequestBody`."""


@record
class ServerOptions:
    """Limits of our own server. Times are seconds, sizes bytes (reliability.md 2)."""

    max_connections: int = 1024
    header_timeout: float = 10.0
    header_limit: int = 64 * 1024
    body_limit: int = 32 * 1024 * 1024
    body_stall: float = 30.0
    keep_alive: float = 75.0
    write_stall: float = 60.0
    cancel_on_disconnect: bool = False
    """Cancel a request's task when its client goes away, and say so by :data:`CANCEL_EXTENSION`."""
    native_bodies: bool = False
    """Give the app the bodies of requests as a :class:`RequestBody`, and say so by :data:`BODY_EXTENSION`."""
    tls_certificate: str | None = None
    """PEM file with the chain."""
    tls_key: str | None = None


class Server(Protocol):
    """Serves an ASGI app on sockets from the moment it is made."""

    def stop_accepting(self) -> None:
        """Close the listeners and idle connections; requests in flight go on."""

    async def drained(self) -> None:
        """Wait until no connection is left."""

    async def aclose(self) -> None:
        """Cut what is left and stop."""
