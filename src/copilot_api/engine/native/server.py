"""Our own server: it reads requests and moves responses; the app runs in a task for each request."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path
from typing import Any

from copilot_api import _native
from copilot_api.engine.native.runtime import attach, detach, wait
from copilot_api.engine.native.standing import NativeStanding
from copilot_api.engine.server_interfaces import (
    BODY_EXTENSION,
    CANCEL_EXTENSION,
    GUARD_EXTENSION,
    RELAY_EXTENSION,
    AccessGuard,
    ServerOptions,
)
from copilot_api.engine.standing_interfaces import Standing

logger = logging.getLogger("copilot_api.server")


class NativeServer:
    """Implements :class:`copilot_api.engine.server_interfaces.Server`; made inside a running loop.

    `app` is any ASGI 3 app. Raises :class:`ValueError` for a certificate that cannot be used, and
    :class:`OSError`.
    """

    def __init__(
        self,
        app: Any,
        sockets: list[socket.socket],
        options: ServerOptions,
        state: dict[str, Any] | None = None,
        standing: Standing | None = None,
    ) -> None:
        tls = None
        if options.tls_certificate is not None:
            key = options.tls_key or options.tls_certificate
            tls = (Path(options.tls_certificate).read_bytes(), Path(key).read_bytes())
        create_task = asyncio.get_running_loop().create_task

        def start(scope: dict[str, Any], exchange: _native.Exchange) -> asyncio.Task[None]:
            return create_task(_run(app, scope, exchange))

        extensions: dict[str, dict[str, Any]] = {RELAY_EXTENSION: {"version": 1}}
        if options.cancel_on_disconnect:
            extensions[CANCEL_EXTENSION] = {}
        if options.native_bodies:
            extensions[BODY_EXTENSION] = {}
        guard = options.guard
        if guard is not None:
            extensions[GUARD_EXTENSION] = {"same_user": guard.same_user}
        self._extensions = extensions
        self._sockets = sockets
        self._runtime = attach()
        try:
            self._native = _native.Server(
                self._runtime,
                start,
                self._denied,
                [os.dup(listener.fileno()) for listener in sockets],
                (
                    options.max_connections,
                    options.header_timeout,
                    options.header_limit,
                    options.body_limit,
                    options.body_stall,
                    options.keep_alive,
                    options.write_stall,
                    options.cancel_on_disconnect,
                    options.native_bodies,
                ),
                _plain(guard),
                tls,
                {"version": "3.0", "spec_version": "2.4"},
                extensions,
                state,
                standing.native if isinstance(standing, NativeStanding) else None,
            )
        except BaseException:
            detach(self._runtime)
            raise

    def _denied(self, method: str, path: str, status: int, reason: str) -> None:
        refused = sum(self._native.stats[7:10])
        logger.info("%s %s: %d %s (%d requests refused so far)", method, path, status, reason, refused)

    def stop_accepting(self) -> None:
        """Close the listeners and idle connections; requests in flight go on."""
        self._native.stop_accepting()
        # The server listens on duplicates: a port is closed when all of them are.
        for listener in self._sockets:
            listener.close()

    def judge_by(self, guard: AccessGuard) -> None:
        """Judge requests by another guard from now on."""
        # In place: the dictionary is in the scope of every request.
        self._extensions[GUARD_EXTENSION] = {"same_user": guard.same_user}
        self._native.judge_by(_plain(guard))

    async def drained(self) -> None:
        """Wait until no connection is left."""
        await wait(self._runtime, self._native.drained())

    async def aclose(self) -> None:
        """Cut what is left and stop. Idempotent."""
        self._native.close()
        detach(self._runtime)


def _plain(
    guard: AccessGuard | None,
) -> tuple[list[str], list[str], tuple[str, str] | None, bool, bool] | None:
    if guard is None:
        return None
    hosts, origins = list(guard.public_hosts), list(guard.origins)
    return hosts, origins, guard.viewer, guard.beyond_loopback, guard.same_user


async def _run(app: Any, scope: dict[str, Any], exchange: _native.Exchange) -> None:
    try:
        await app(scope, exchange.receive, exchange.send)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        # SystemExit too: one request's failure is its own, and asyncio would end the loop by it.
        # A client that went away is none of the app's faults. The text may quote a prompt: it is not logged.
        if not (exchange.client_gone and isinstance(error, OSError)):
            failed = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
            logger.error("Exception in the ASGI application: %s", type(error).__name__, exc_info=failed)
    finally:
        exchange.finish()
