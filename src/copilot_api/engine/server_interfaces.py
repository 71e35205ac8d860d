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

GUARD_EXTENSION = "copilot_api.guarded"
"""ASGI extension of our own server: it has judged Host and Origin by its :class:`AccessGuard`, and if
``same_user`` is true in it, also whose the connection is."""


@record
class AccessGuard:
    """Whom a server lets in, judged by the head of a request before the app is called (R-02 to R-05).

    `copilot_api.http.guard` has the same rules, for other servers.
    """

    public_hosts: tuple[str, ...] = ()
    """Names besides those of loopback, in lower case; one with a port stands for that port only."""
    origins: tuple[str, ...] = ()
    """Origins of pages that may call, as browsers write them."""
    viewer: tuple[str, str] | None = None
    """One more origin, and the one path that it may ask for."""
    beyond_loopback: bool = False
    """The server can be reached from elsewhere: by any address, and by ports that a front has."""
    same_user: bool = False
    """Refuse connections of other users of this machine, and those from elsewhere: :class:`OSError` where the
    system does not tell whose a connection is. Unix sockets have the mode of their file for this."""


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
    guard: AccessGuard | None = None
    """Whom to let in, and say so by :data:`GUARD_EXTENSION`; without it that is the app's to decide."""


class Server(Protocol):
    """Serves an ASGI app on sockets from the moment it is made."""

    def stop_accepting(self) -> None:
        """Close the listeners and idle connections; requests in flight go on."""

    def judge_by(self, guard: AccessGuard) -> None:
        """Judge requests by another guard; there has to be one from the start."""

    async def drained(self) -> None:
        """Wait until no connection is left."""

    async def aclose(self) -> None:
        """Cut what is left and stop."""
