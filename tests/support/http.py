"""Plain HTTP for tests that look at bytes and headers: the standard library, no client in between."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


def request(
    url: str,
    method: str = "GET",
    path: str = "/",
    body: Any = None,
    headers: Mapping[str, str | bytes] | None = None,
    timeout: float = 30.0,
) -> Answer:
    """One request on a fresh connection. `body`: bytes as they are, anything else as JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    sent = dict(headers or {})
    if body is not None:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent.setdefault("content-type", "application/json")
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return Answer(
            response.status,
            response.reason,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    finally:
        connection.close()


def raw(url: str, payload: bytes, timeout: float = 10.0) -> bytes:
    """Send bytes as they are and return all bytes until the server closes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=timeout) as sock:
        sock.sendall(payload)
        received = b""
        while piece := sock.recv(65536):
            received += piece
        return received


def events(body: bytes) -> list[tuple[str | None, str]]:
    """`(event, data)` of each server-sent event in a body written with LF."""
    found: list[tuple[str | None, str]] = []
    for block in body.decode().split("\n\n"):
        name, data = None, []
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
        if name is not None or data:
            found.append((name, "\n".join(data)))
    return found
