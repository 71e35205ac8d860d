"""The way to a host, hop by hop, to name the one that fails: name, connection, proxy, TLS.

With blocking sockets, in a thread: a resolver that hangs must hold nobody, and asyncio has no TLS here
(`copilot_api.cli.main`). It runs only where the gateway's own client could not reach the host.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from copilot_api.doctor.certificates import issuer_of
from copilot_api.doctor.findings import Finding, found
from copilot_api.engine.reference import proxies

_Place = tuple[int, int, int, str, Any]
"""What ``getaddrinfo`` gives."""
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080, "socks4": 1080, "socks": 1080}
_EXPIRED, _NOT_YET, _WRONG_HOST = 10, 9, 62
"""Numbers of OpenSSL (x509_vfy.h)."""
_LONGEST_HEAD = 8192


class _Stopped(Exception):
    """The way ends here."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.cause)
        self.finding = finding


def walk(url: str, environ: Mapping[str, str], *, proxied: bool, patience: float) -> Finding | None:
    """Go the way to a host and return where it ends; None when a connection to it comes about."""
    target = urlsplit(url)
    proxy = proxies.choose(url, environ)
    try:
        _go(target, proxy if proxied else None, environ, patience)
    except _Stopped as stopped:
        if (
            proxy is not None
            and not proxied
            and stopped.finding.cause in ("name-unknown", "host-unreachable")
        ):
            says = f"{stopped.finding.says}; the environment names a proxy, which is not used"
            return found("proxy-not-used", says, *stopped.finding.about)
        return stopped.finding
    return None


def _go(target: SplitResult, proxy: str | None, environ: Mapping[str, str], patience: float) -> None:
    host = target.hostname or ""

    def passed() -> socket.socket:
        return _way_to(target, proxy, environ, patience)

    with passed() as connection:
        # TLS within the TLS of a proxy is beyond the standard library: there the way ends well here.
        if target.scheme == "https" and not _is_wrapped(connection) and not _is_socks(proxy):
            _shake_hands(connection, host, environ, passed).close()


def _is_wrapped(connection: socket.socket) -> bool:
    return hasattr(connection, "getpeercert")


def _is_socks(proxy: str | None) -> bool:
    return proxy is not None and not urlsplit(proxy).scheme.startswith("http")


def _way_to(
    target: SplitResult, proxy: str | None, environ: Mapping[str, str], patience: float
) -> socket.socket:
    """Return a connection to the host, through its proxy. Raises :class:`_Stopped`."""
    host = target.hostname or ""
    port = target.port or _PORTS.get(target.scheme, 443)
    if proxy is None:
        return _connected(host, port, host, patience, through=None)
    by = urlsplit(proxy)
    shown, name = proxies.without_credentials(proxy), by.hostname or ""
    connection = _connected(name, by.port or _PORTS.get(by.scheme, 80), host, patience, through=shown)
    try:
        if by.scheme == "https":
            connection = _shake_hands(connection, name, environ, lambda: _way_to(by, None, environ, patience))
        # A SOCKS proxy takes connections: that is what can be told without speaking its language.
        if by.scheme.startswith("http"):
            _pass(connection, target, f"{host}:{port}", by, shown)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(host: str, port: int, about: str, patience: float, *, through: str | None) -> socket.socket:
    """Return a connection. Raises :class:`_Stopped`."""
    places, why = _resolved(host, port, patience)
    if not places:
        says = f"the name {host} cannot be resolved: {why}"
        raise _Stopped(found("proxy-unknown-name" if through else "name-unknown", says, about))
    last: OSError | None = None
    for family, kind, number, _, address in places:
        connection = socket.socket(family, kind, number)
        connection.settimeout(patience)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            last = error
            continue
        return connection
    where = f"the proxy {through}" if through else f"{host}, port {port},"
    why = "it takes no connection in time" if isinstance(last, TimeoutError) else str(last and last.strerror)
    cause = "proxy-unreachable" if through else "host-unreachable"
    raise _Stopped(found(cause, f"{where} cannot be reached: {why}", about)) from None


def _resolved(host: str, port: int, patience: float) -> tuple[list[_Place], str]:
    """Return the addresses of a name, or why there are none. A resolver that hangs is left behind."""
    places: list[_Place] = []
    why = "the resolver does not answer in time"

    def resolve() -> None:
        nonlocal why
        try:
            places.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            why = str(getattr(error, "strerror", None) or error)

    thread = threading.Thread(target=resolve, daemon=True, name="resolver")
    thread.start()
    thread.join(patience)
    return list(places), why


def _pass(
    connection: socket.socket, target: SplitResult, authority: str, proxy: SplitResult, shown: str
) -> None:
    """Ask an HTTP proxy to let the connection through. Raises :class:`_Stopped`."""
    about = target.hostname or ""
    line = f"CONNECT {authority}" if target.scheme == "https" else f"GET {target.geturl()}"
    lines = [f"{line} HTTP/1.1", f"Host: {authority}"]
    if proxy.username:
        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(user).decode()}")
    try:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
            piece = connection.recv(1024)
            if not piece:
                break
            head += piece
    except OSError as error:
        says = f"the proxy {shown} does not answer: {error.strerror or 'no answer in time'}"
        raise _Stopped(found("proxy-unreachable", says, about)) from None
    status = head.partition(b" ")[2][:3].decode("latin-1")
    if not head.startswith(b"HTTP/") or not status.isdigit():
        raise _Stopped(found("proxy-unreachable", f"the proxy {shown} answers with no HTTP", about))
    if status == "407":
        says = (
            f"the proxy {shown} {'refuses the user and password' if proxy.username else 'wants a password'}"
        )
        raise _Stopped(found("proxy-needs-password", f"{says} (407)", about))
    if target.scheme == "https" and not status.startswith("2"):
        raise _Stopped(found("proxy-refuses", f"the proxy {shown} answers {status}", about))


def _shake_hands(
    connection: socket.socket, host: str, environ: Mapping[str, str], again: Callable[[], socket.socket]
) -> ssl.SSLSocket:
    """Return a TLS connection whose certificate is trusted. Raises :class:`_Stopped`.

    `again` makes another connection to the same place, to see who signed a certificate that is not.
    """
    context = _context(environ)
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in (_EXPIRED, _NOT_YET):
            raise _Stopped(found("tls-expired", f"its certificate: {error.verify_message}", host)) from None
        if error.verify_code == _WRONG_HOST:
            raise _Stopped(found("tls-wrong-host", "its certificate is for another name", host)) from None
        issuer = _issuer(host, again)
        says = f"its certificate is signed by {issuer or 'somebody'}, whom nobody here trusts"
        raise _Stopped(found("tls-unknown-ca", says, host)) from None
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or "no answer in time"
        raise _Stopped(found("tls-failed", f"no TLS connection comes about: {reason}", host)) from None


def _context(environ: Mapping[str, str]) -> ssl.SSLContext:
    file, directory = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file or directory:
        folders = [each for each in (directory or "").split(os.pathsep) if each]
        for place in ((file, None), *((None, folder) for folder in folders)):
            try:
                context.load_verify_locations(*place)
            except (OSError, ssl.SSLError, TypeError):
                continue
    else:
        context.load_default_certs()
    return context


def _issuer(host: str, again: Callable[[], socket.socket]) -> str:
    """Return who signed the certificate that is shown, by a connection that trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with again() as connection, context.wrap_socket(connection, server_hostname=host) as trusting:
            return issuer_of(trusting.getpeercert(binary_form=True) or b"")
    except (OSError, _Stopped):
        return ""
