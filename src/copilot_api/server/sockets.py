"""Listening sockets: bound early, so that a taken port is told before anything else happens (R-51)."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import stat
import sys
from collections.abc import Mapping

logger = logging.getLogger("copilot_api.server")

BACKLOG = 2048
LOOPBACK = ("127.0.0.1", "::1")
TRIES = 20
"""Free ports of 127.0.0.1 that are tried at ::1 too, where another program may have them."""
ACTIVATED = 3
"""The first descriptor of systemd's socket activation (sd_listen_fds(3))."""


class PortTaken(OSError):
    """The address is in use, or may not be used."""


def bind(host: str | None, port: int) -> list[socket.socket]:
    """Return listening sockets; without a host one each for 127.0.0.1 and ::1, the second if there is IPv6.

    With port 0 both get the same free port. Raises :class:`PortTaken` naming address, port and remedy.
    """
    if host is not None and host.lower() != "localhost":
        return [_listen(host, port)]
    tries = 1 if port else TRIES
    while True:
        first = _listen(LOOPBACK[0], port)
        tries -= 1
        try:
            return [first, _listen(LOOPBACK[1], first.getsockname()[1])]
        except PortTaken as error:
            if not _is_taken(error):
                logger.info("No IPv6 loopback here; listening on 127.0.0.1 only")
                return [first]
            first.close()
            if not tries:
                raise


def bind_unix(path: str) -> list[socket.socket]:
    """Return a listening Unix socket at `path` that only this user may use (R-05).

    A socket that nobody serves any more is replaced. Raises :class:`PortTaken`.
    """
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116 - pathlib is not needed for one call
            if _answers(path):
                raise PortTaken(errno.EADDRINUSE, f"another program serves {path}: stop it or choose another")
            os.unlink(path)  # noqa: PTH108 - likewise
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise PortTaken(error.errno, f"cannot listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(before)
    return [listener]


def activated(environ: Mapping[str, str] = os.environ) -> list[socket.socket]:
    """Return the sockets that systemd opened for this process; none without socket activation."""
    if environ.get("LISTEN_PID") != str(os.getpid()) or not environ.get("LISTEN_FDS", "").isdigit():
        return []
    sockets = [socket.socket(fileno=ACTIVATED + index) for index in range(int(environ["LISTEN_FDS"]))]
    for listener in sockets:
        listener.setblocking(False)
        os.set_inheritable(listener.fileno(), False)
    return sockets


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


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
    return error.errno in (errno.EADDRINUSE, errno.EACCES)


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use on {host}: stop the other program or choose one with --port"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user: choose one above 1023 with --port"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"
