"""Serving the app by our own server: it moves the bytes, this moves its stages (R-50)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from copilot_api.engine.flags import open_server
from copilot_api.engine.server_interfaces import Server, ServerOptions
from copilot_api.engine.standing_interfaces import Standing
from copilot_api.http.guard_feed import GuardFeed
from copilot_api.server.lifespan import Lifespan, LifespanFailed
from copilot_api.server.signals import stopping

logger = logging.getLogger("copilot_api.server")

LAST_WORDS = 1.0
"""Seconds that streams get to send their in-band error when the drain time is over."""


async def serve(
    app: Any,
    sockets: list[socket.socket],
    options: ServerOptions,
    *,
    drain_timeout: float,
    on_ready: Callable[[], None] | None,
    cancel_streams: Callable[[], None] | None,
    lifespan: bool,
    guard: GuardFeed | None = None,
    on_stop: Callable[[], None] | None = None,
    standing: Standing | None = None,
    event: asyncio.Event | None = None,
) -> None:
    """See :func:`copilot_api.server.serve`."""
    span = Lifespan(app) if lifespan else None
    if span is not None:
        try:
            await span.startup()
        except LifespanFailed as error:
            logger.error("%s", error)
            return
    signals: asyncio.Queue[None] = asyncio.Queue()
    server = open_server(
        app, sockets, options, state=span.state if span is not None else None, standing=standing
    )
    try:
        if guard is not None:
            guard.attach(server.judge_by)
        with stopping(asyncio.get_running_loop(), lambda *_: signals.put_nowait(None), event):
            if on_ready is not None:
                on_ready()
            await signals.get()
            if on_stop is not None:
                on_stop()
            server.stop_accepting()
            await _drain(server, signals, drain_timeout, cancel_streams)
    finally:
        await server.aclose()
    if span is not None:
        try:
            await span.shutdown()
        except LifespanFailed as error:
            logger.error("%s", error)


async def _drain(
    server: Server,
    signals: asyncio.Queue[None],
    drain_timeout: float,
    cancel_streams: Callable[[], None] | None,
) -> None:
    drained = asyncio.ensure_future(server.drained())
    hurry = asyncio.ensure_future(signals.get())
    try:
        await asyncio.wait({drained, hurry}, timeout=drain_timeout, return_when=asyncio.FIRST_COMPLETED)
        if drained.done():
            return
        if cancel_streams is not None:
            cancel_streams()
        if not hurry.done():
            await asyncio.wait({drained, hurry}, timeout=LAST_WORDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (drained, hurry):
            task.cancel()
        await asyncio.gather(drained, hurry, return_exceptions=True)
