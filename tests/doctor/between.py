"""What stands between: proxies that refuse, servers with certificates that nobody trusts, the silent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import trustme

Handle = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(handle: Handle) -> Iterator[int]:
    """A port at which each connection is handled in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                handle(connection)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Closing alone does not wake one who accepts.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def head_of(connection: socket.socket) -> bytes:
    """The header section of a request."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionResetError
        head += piece
    return head


def answering(answer: bytes) -> Handle:
    """Answers each request with these bytes, and closes."""

    def handle(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    return handle


def silent(connection: socket.socket) -> None:
    """Reads until the other side has enough."""
    while connection.recv(4096):
        pass


def closing(connection: socket.socket) -> None:
    """Reads a request and hangs up."""
    head_of(connection)


def tunnel(connection: socket.socket) -> None:
    """A proxy that lets everything through, to this machine whatever the name."""
    port = int(head_of(connection).split(b" ")[1].rpartition(b":")[2])
    with socket.create_connection(("127.0.0.1", port)) as onward:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
        back.start()
        _pump(connection, onward)
        back.join(10)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def tls(authority: trustme.CA, *names: str, expired: bool = False) -> Handle:
    """A TLS server whose certificate is for these names; it answers 404 in JSON."""
    expires = datetime.now(UTC) - timedelta(days=2) if expired else None
    leaf = authority.issue_cert(*names, not_after=expires)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            answering(answer)(secured)

    return handle
