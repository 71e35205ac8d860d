"""A gateway behind our own server or uvicorn, as its settings say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from copilot_api.server import serve
from copilot_api.settings import Settings

if TYPE_CHECKING:
    from copilot_api.app import OpenGateway


async def serve_gateway(
    gateway: OpenGateway,
    settings: Settings,
    sockets: list[socket.socket],
    *,
    on_ready: Callable[[], None],
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, or until `stop` is set where there is one, and drain."""
    await serve(
        gateway.app,
        sockets,
        drain_timeout=settings.drain_timeout,
        on_ready=on_ready,
        cancel_streams=gateway.cancel_streams,
        server=gateway.server,
        max_connections=settings.max_connections,
        body_limit=settings.body_limit,
        cancel_on_disconnect=True,
        native_bodies=True,
        guard=gateway.guard,
        on_stop=gateway.stop,
        stop=stop,
        standing=gateway.standing,
        tls_certificate=settings.tls_certificate,
        tls_key=settings.tls_key,
    )
