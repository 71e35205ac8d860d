"""Whose a connection is, where both of its ends are on this machine (R-05).

Our own server asks this itself, in ``crates/copilot-net/src/server/owners.rs``, once for each connection;
here it is asked for each request, under other servers and for ``GET /token``.

Linux tells the owner of one socket by ``sock_diag``: the kernel finds it by the addresses of both ends in the
table that it finds packets' sockets in, so that other connections cost nothing. A socket that its process has
closed has no owner any more and reads as root's; it counts as nobody's.

Ours is what belongs to the user of this process or to root. Root can read the tokens and this process's
memory: to refuse it protects nothing, and would shut out what forwards ports for this user as root does, such
as the relay of WSL.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

Address = tuple[str, int]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_TCP_LISTEN = 10
_ANY = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBBI")
_PORTS = struct.Struct("!HH")
_OWNER = struct.Struct("=II")
# Where in an answer, counted with its header, is what (linux/inet_diag.h).
_STATE, _PORTS_AT, _OWNER_AT = 17, 20, 80


class Owners:
    """Asks the system for owners; raises :class:`OSError` when made where it does not tell."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("this system does not tell whose a connection is")
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
        self._socket.setblocking(False)
        self._user = os.geteuid()
        self.asked = 0
        """Questions so far."""
        try:
            self._try()
        except OSError:
            self._socket.close()
            raise

    def is_ours(self, client: Address, server: Address) -> bool:
        """Tell whether the client of a connection is this user or root. What cannot be found out is no."""
        try:
            owner = self.owner(_plain(client), _plain(server))
        except OSError:
            return False
        return owner is not None and owner in (self._user, 0)

    def owner(self, local: Address, remote: Address) -> int | None:
        """Return the user of the socket at `local` connected with `remote`. Raises :class:`OSError`."""
        answer = self._ask(local, remote)
        kind = _HEADER.unpack_from(answer)[1]
        if kind != _SOCK_DIAG_BY_FAMILY or len(answer) < _OWNER_AT + _OWNER.size:
            return None
        # Without a connection the kernel takes whoever listens at the port.
        if answer[_STATE] == _TCP_LISTEN or _PORTS.unpack_from(answer, _PORTS_AT) != (local[1], remote[1]):
            return None
        user, inode = _OWNER.unpack_from(answer, _OWNER_AT)
        return int(user) if inode else None

    def close(self) -> None:
        """Close the socket to the kernel."""
        self._socket.close()

    def _ask(self, local: Address, remote: Address) -> bytes:
        self.asked += 1
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        question = (
            _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY)
            + _PORTS.pack(local[1], remote[1])
            + socket.inet_pton(family, local[0]).ljust(16, b"\0")
            + socket.inet_pton(family, remote[0]).ljust(16, b"\0")
            + struct.pack("=III", 0, _ANY, _ANY)
        )
        size = _HEADER.size + len(question)
        # No table is dumped, so there is one answer, and it is there when `send` returns.
        self._socket.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0) + question)
        return self._socket.recv(1024)

    def _try(self) -> None:
        """Ask about a socket of our own: the kernel may lack this part."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            answer = self._ask(listener.getsockname(), ("0.0.0.0", 0))
        if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
            raise OSError("the kernel does not tell whose a connection is")


def _plain(address: Address) -> Address:
    host = address[0].partition("%")[0]
    return host.removeprefix("::ffff:") if "." in host else host, address[1]
