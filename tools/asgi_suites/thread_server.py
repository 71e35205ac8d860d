"""Our server in a thread: `copilot_api.server.serve` as it is, told to stop by a call instead of a signal."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from copilot_api import server as serving
from copilot_api.server import under_native, under_uvicorn

PATIENCE = 20.0
DRAIN = 5.0

_stops: dict[int, Callable[[], None]] = {}
"""By thread: what makes its server drain."""


@contextlib.contextmanager
def _stopping(loop: asyncio.AbstractEventLoop, stop: Callable[..., None]) -> Iterator[None]:
    """In the place of `copilot_api.server.signals.stopping`: signals belong to the main thread."""
    number = threading.get_ident()
    _stops[number] = lambda: loop.call_soon_threadsafe(stop) and None
    try:
        yield
    finally:
        del _stops[number]


under_native.stopping = under_uvicorn.stopping = _stopping


class ThreadServer:
    """Serves one app on 127.0.0.1."""

    def __init__(self, app: Any, server: str, *, lifespan: bool = False) -> None:
        self.port = 0
        self._app = app
        self._server: Any = server
        self._lifespan = lifespan
        self._ready = threading.Event()
        self._is_ready = False
        self._thread = threading.Thread(target=self._run, name=f"{server}-under-test", daemon=True)

    def start(self) -> bool:
        """Return True once requests are served, False when the server ended before."""
        self._thread.start()
        if not self._ready.wait(PATIENCE):
            raise RuntimeError("the server neither started nor ended")
        return self._is_ready

    def stop(self) -> None:
        """Drain and end."""
        number = self._thread.ident
        if self._is_ready and number in _stops:
            _stops[number]()
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise RuntimeError("the server did not stop")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except SystemExit:
            pass  # uvicorn's way to say that startup failed
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]

        def ready() -> None:
            self._is_ready = True
            self._ready.set()

        try:
            await serving.serve(
                self._app,
                [listener],
                drain_timeout=DRAIN,
                on_ready=ready,
                server=self._server,
                lifespan=self._lifespan,
            )
        finally:
            listener.close()
