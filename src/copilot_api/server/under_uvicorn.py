"""Serving the app under uvicorn: the fallback and the rollback of our own server (D-B3, D-B4, R-50)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from copilot_api.server.signals import stopping

if TYPE_CHECKING:
    import uvicorn

KEEP_ALIVE = 75
"""Seconds an idle client connection is kept (reliability.md 2)."""
HEADER_LIMIT = 64 * 1024
"""Bytes of a request's header section."""


async def serve(
    app: Any,
    sockets: list[socket.socket],
    *,
    drain_timeout: float,
    on_ready: Callable[[], None] | None = None,
    cancel_streams: Callable[[], None] | None = None,
    lifespan: bool = False,
    on_stop: Callable[[], None] | None = None,
    event: asyncio.Event | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, or until `event` is set, then drain.

    Running requests get `drain_timeout` seconds; then `cancel_streams` ends streams with an in-band error,
    and a second later connections are closed. A second signal closes them at once.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        lifespan="auto" if lifespan else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        http="h11",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(drain_timeout + 1)),
        h11_max_incomplete_event_size=HEADER_LIMIT,
    )
    server = _make_server(config, on_ready)
    loop = asyncio.get_running_loop()
    deadline: asyncio.TimerHandle | None = None

    def stop(*_: object) -> None:
        nonlocal deadline
        if server.should_exit:
            server.force_exit = True
            if cancel_streams is not None:
                cancel_streams()
            return
        server.should_exit = True
        if on_stop is not None:
            on_stop()
        if cancel_streams is not None:
            deadline = loop.call_later(drain_timeout, cancel_streams)

    with stopping(loop, stop, event):
        await server.serve(sockets=sockets)
    if deadline is not None:
        deadline.cancel()


def _make_server(config: uvicorn.Config, on_ready: Callable[[], None] | None) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """uvicorn's server with our signal handling and a ready callback."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if on_ready is not None and not self.should_exit:
                on_ready()

    return Server(config)
