"""Serving the app under uvicorn: sockets bound early, signals, drain (D-B3, D-B4, R-50, R-51)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

logger = logging.getLogger("copilot_api.server")

KEEP_ALIVE = 75
"""Seconds an idle client connection is kept (reliability.md 2)."""
HEADER_LIMIT = 64 * 1024
"""Bytes of a request's header section."""
BACKLOG = 2048
LOOPBACK = ("127.0.0.1", "::1")


class PortTaken(OSError):
    """The address is in use, or may not be used."""


def bind(host: str | None, port: int) -> list[socket.socket]:
    """Return listening sockets; without a host one each for 127.0.0.1 and ::1, the second if there is IPv6.

    With port 0 both get the same free port. Raises :class:`PortTaken` naming address, port and remedy.
    """
    if host is not None and host.lower() != "localhost":
        return [_listen(host, port)]
    first = _listen(LOOPBACK[0], port)
    sockets = [first]
    try:
        sockets.append(_listen(LOOPBACK[1], first.getsockname()[1]))
    except PortTaken as error:
        if _is_taken(error):
            first.close()
            raise
        logger.info("No IPv6 loopback here; listening on 127.0.0.1 only")
    return sockets


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        infos = socket.getaddrinfo(host.strip("[]"), port, family=0, type=socket.SOCK_STREAM)
        family, _, _, _, address = infos[0]
        # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise PortTaken(error.errno, f"cannot listen on {host}: {error.strerror or error}") from None
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` serves IPv4 too, as 0.7.0 did (compat.md 3.1); ::1 must leave 127.0.0.1 alone.
            only = 0 if host.strip("[]") == "::" else 1
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise PortTaken(error.errno, _why(host, port, error)) from None
    return listener


def _is_taken(error: OSError) -> bool:
    import errno

    return error.errno in (errno.EADDRINUSE, errno.EACCES)


def _why(host: str, port: int, error: OSError) -> str:
    import errno

    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use on {host}: stop the other program or choose one with --port"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user: choose one above 1023 with --port"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"


async def serve(
    app: Any,
    sockets: list[socket.socket],
    *,
    drain_timeout: float,
    on_ready: Callable[[], None] | None = None,
    cancel_streams: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then drain.

    Running requests get `drain_timeout` seconds; then `cancel_streams` ends streams with an in-band error,
    and a second later connections are closed. A second signal closes them at once.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        lifespan="off",
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
        if cancel_streams is not None:
            deadline = loop.call_later(drain_timeout, cancel_streams)

    with _signals(loop, stop):
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


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[..., None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in numbers}

    def thread_safe(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    for number in numbers:
        signal.signal(number, thread_safe)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
