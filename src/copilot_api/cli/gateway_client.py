"""Asking a gateway that runs: its JSON answers and its live events, by the standard library alone."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from copilot_api.app import client_keys
from copilot_api.gateway.errors import StartupError
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

PATIENCE = 20.0
"""Seconds of silence after which a gateway counts as gone; it says something every fifteen."""
_CONNECT = 5.0


class GatewayProblem(StartupError):
    """The gateway does not answer, or not this question; the text says what to do."""


class Unreachable(GatewayProblem):
    """Nothing answers there: it may be back in a moment."""


class WantsKey(GatewayProblem):
    """It wants a key, or another one than was shown."""


class NoSuchPath(GatewayProblem):
    """It does not have what was asked for."""


class GatewayLink:
    """Where a gateway is and what opens it. Each question has a connection of its own."""

    def __init__(
        self,
        url: str,
        key: Secret | None = None,
        *,
        unix_socket: str | None = None,
        certificate: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise GatewayProblem(f"{url!r} is not an address such as http://localhost:4141")
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self.place = unix_socket or self.url
        self._parts, self._key = parts, key
        self._unix_socket, self._certificate = unix_socket, certificate

    def ask(self, path: str) -> Any:
        """Return an answer in JSON. Raises :class:`GatewayProblem`."""
        try:
            return json.loads(self.text(path))
        except ValueError:
            raise GatewayProblem(f"{self.place} answers, and is no copilot-api of this version") from None

    def text(self, path: str) -> str:
        """Return an answer as it is. Raises :class:`GatewayProblem`."""
        connection = self._connect()
        try:
            return self._get(connection, path).read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise self._gone(error) from None
        finally:
            connection.close()

    def events(self, path: str) -> Iterator[Any]:
        """Give server-sent events in JSON as they come, until the gateway ends them.

        Raises :class:`GatewayProblem`.
        """
        connection = self._connect()
        try:
            answer = self._get(connection, path)
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._gone(error) from None
        finally:
            connection.close()

    def _get(self, connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
        headers = {"authorization": f"Bearer {self._key.reveal()}"} if self._key else {}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        if connection.sock is not None:
            connection.sock.settimeout(PATIENCE)
        if answer.status == 200:
            return answer
        if answer.status in (401, 403):
            raise WantsKey(f"{self.place} wants {self._wanted(answer)}")
        if answer.status == 404:
            raise NoSuchPath(f"{self.place} has no {path}: it runs with --no-dashboard, or is older")
        raise GatewayProblem(f"{self.place} answers {answer.status} to {path}")

    def _wanted(self, answer: http.client.HTTPResponse) -> str:
        if answer.status == 403 and self._key:
            return "a key without limits: this one may not see what others do"
        if answer.status == 403:
            return "a key, or the user who runs it: give one with --key or $COPILOT_API_KEY"
        return "another key" if self._key else "a key: give one with --key or $COPILOT_API_KEY"

    def _connect(self) -> http.client.HTTPConnection:
        name, port = self._parts.hostname or "", self._parts.port
        if self._unix_socket:
            return _UnixConnection(self._unix_socket)
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(name, port, timeout=_CONNECT)
        context = ssl.create_default_context()
        if self._certificate:
            # The gateway's own file says who it is, whatever name stands in it.
            context.load_verify_locations(self._certificate)
            context.check_hostname = False
        return http.client.HTTPSConnection(name, port, timeout=_CONNECT, context=context)

    def _gone(self, error: Exception) -> Unreachable:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Unreachable(f"no gateway answers at {self.place} ({why}); copilot-api start runs one")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_CONNECT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket in the file system."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CONNECT)
        self.sock.connect(self._path)


def configured_gateway(settings: Settings, url: str = "", key: str = "") -> GatewayLink:
    """Return the gateway that these settings would start, or the one at `url`.

    Raises :class:`GatewayProblem`.
    """
    given = Secret(key) if key else None
    if url:
        return GatewayLink(url if "://" in url else f"http://{url}", given)
    found = given or next((each.key for each in client_keys(settings)), None)
    if settings.unix_socket:
        return GatewayLink("http://localhost", found, unix_socket=settings.unix_socket)
    host = settings.host or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    scheme = "https" if settings.tls_certificate else "http"
    address = f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"
    return GatewayLink(address, found, certificate=settings.tls_certificate)
