"""Serving the app: sockets bound early, signals, drain; by our own server or by uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from copilot_api.engine.standing_interfaces import Standing
from copilot_api.http.guard_feed import GuardFeed
from copilot_api.server.sockets import PortTaken, activated, bind, bind_unix
from copilot_api.settings import ServerName

__all__ = ["PortTaken", "activated", "bind", "bind_unix", "serve"]


async def serve(
    app: Any,
    sockets: list[socket.socket],
    *,
    drain_timeout: float,
    on_ready: Callable[[], None] | None = None,
    cancel_streams: Callable[[], None] | None = None,
    server: ServerName = "uvicorn",
    lifespan: bool = False,
    guard: GuardFeed | None = None,
    on_stop: Callable[[], None] | None = None,
    standing: Standing | None = None,
    stop: asyncio.Event | None = None,
    **options: Any,
) -> None:
    """Serve until SIGINT or SIGTERM, or instead of those until `stop` is set; then call `on_stop` and drain.

    Running requests get `drain_timeout` seconds; then `cancel_streams` ends streams with an in-band error,
    and a second later connections are closed. A second signal closes them at once. With `lifespan` the app
    is told of the start and the end, as ASGI's lifespan protocol says. Our own server judges requests by
    `guard` before the app is called, and carries requests by the decisions of `standing`; under uvicorn the
    app does both. `options` are those of
    :class:`copilot_api.engine.server_interfaces.ServerOptions`, for our own server.
    """
    if server == "uvicorn":
        from copilot_api.server import under_uvicorn

        await under_uvicorn.serve(
            app,
            sockets,
            drain_timeout=drain_timeout,
            on_ready=on_ready,
            cancel_streams=cancel_streams,
            lifespan=lifespan,
            on_stop=on_stop,
            event=stop,
        )
        return
    from copilot_api.engine.server_interfaces import ServerOptions
    from copilot_api.server import under_native

    await under_native.serve(
        app,
        sockets,
        ServerOptions(**options, guard=guard.guard if guard is not None else None),
        guard=guard,
        on_stop=on_stop,
        standing=standing,
        event=stop,
        drain_timeout=drain_timeout,
        on_ready=on_ready,
        cancel_streams=cancel_streams,
        lifespan=lifespan,
    )
