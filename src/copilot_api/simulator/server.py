"""Running the simulator: in a thread of its own for tests, or in the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from copilot_api.simulator.app import SimulatorApp
from copilot_api.simulator.faults import Faults
from copilot_api.simulator.state import State

if TYPE_CHECKING:
    import uvicorn


class SimulatorServer:
    """A simulator on 127.0.0.1. Use as a context manager, or with :meth:`astart` in a running loop.

    `port` 0 chooses a free one; `chunk_delay` is the seconds between frames; `token_lifetime` and
    `refresh_in` (None leaves it out) are what the token exchange says, in seconds.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        chunk_delay: float = 0.0,
        token_lifetime: float = 1800,
        refresh_in: float | None = 1500,
    ) -> None:
        self.state = State(token_lifetime, refresh_in)
        self.faults = Faults()
        self.url = ""
        self._port = port
        self._app = SimulatorApp(self.state, self.faults, chunk_delay)
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve in a thread; returns when connections are accepted."""
        listener = self._bind()
        ready = threading.Event()
        self._server = _make_server(self._app, ready.set)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(listener)), name="simulator", daemon=True
        )
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the simulator did not start")

    def stop(self) -> None:
        """Stop the thread."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(10)

    async def astart(self) -> None:
        """Serve in the running loop; returns when connections are accepted."""
        listener = self._bind()
        ready = asyncio.Event()
        self._server = _make_server(self._app, ready.set)
        self._task = asyncio.create_task(self._run(listener))
        await ready.wait()

    async def astop(self) -> None:
        """Stop serving."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = self._server.force_exit = True
            await asyncio.gather(self._task, return_exceptions=True)

    def revoke_tokens(self) -> None:
        """Make every Copilot token issued so far expire at once."""
        self.state.tokens.clear()

    def _bind(self) -> socket.socket:
        # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(1024)
        self.url = self._app.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return listener

    async def _run(self, listener: socket.socket) -> None:
        assert self._server is not None  # noqa: S101 - both starters set it first
        try:
            await self._server.serve(sockets=[listener])
        finally:
            listener.close()
            # Those that are still there would be closed by nobody when the loop is.
            for transport in list(self._app.transports.values()):
                transport.abort()
            await asyncio.sleep(0)


def _make_server(app: SimulatorApp, on_ready: Any) -> uvicorn.Server:
    import logging

    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Protocol(H11Protocol):
        """uvicorn's protocol, its connections known to the app."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            app.transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            app.transports.pop(self.client, None)
            super().connection_lost(exc)

    class Server(uvicorn.Server):
        """uvicorn without signal handlers, with a ready callback."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            on_ready()

    # A planned truncation is an exception in the app; uvicorn would print its trace.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        http=Protocol,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )
    return Server(config)
