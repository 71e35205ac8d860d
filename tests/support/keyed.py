"""A gateway with client keys in its store, and requests that come from an address and show a key."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from copilot_api.github.credentials import data_directory
from copilot_api.keys.secrets import digest
from copilot_api.keys.store import KeyStore
from copilot_api.keys.stored import StoredKey
from copilot_api.records import replace
from tests.support.http import Answer
from tests.support.process import GatewayProcess

PATIENCE = 20.0
"""Seconds until what must become so has to be so."""
FORMS: Mapping[str, Callable[[str], dict[str, str]]] = {
    "authorization": lambda key: {"authorization": f"Bearer {key}"},
    "x-api-key": lambda key: {"x-api-key": key},
    "x-goog-api-key": lambda key: {"x-goog-api-key": key},
}
"""Headers that carry a key. Google's clients also write it into the query."""


class KeyFile:
    """The store of a home, and the keys that were put there by name."""

    def __init__(self, home: Path) -> None:
        self.store = KeyStore(data_directory(home))
        self.keys: dict[str, str] = {}

    def add(self, name: str, **more: Any) -> str:
        """Add a key and return it. `more` are members of the stored key."""
        key = f"cak_of_{name}_{'x' * 24}"
        entry = StoredKey(f"k-{name}", name, f"sha256:{digest(key).hex()}", int(time.time()), **more)
        self.store.change(lambda keys: (*keys, entry))
        self.keys[name] = key
        return key

    def revoke(self, *names: str) -> None:
        now = int(time.time())
        self.store.change(
            lambda keys: tuple(replace(key, revoked=now) if key.name in names else key for key in keys)
        )


class KeyedGateway(GatewayProcess):
    """See :class:`GatewayProcess`; `keys` are those of its home."""

    def __init__(self, home: Path, upstream: str, *arguments: str) -> None:
        super().__init__(home, upstream, *arguments)
        self.keys = KeyFile(home)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        source: str = "127.0.0.1",
    ) -> Answer:
        """One request on a fresh connection from an address of this machine."""
        with self.asking(method, path, body, headers, source=source) as response:
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, response.reason, named, response.read())

    @contextmanager
    def asking(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        source: str = "127.0.0.1",
    ) -> Iterator[http.client.HTTPResponse]:
        """The same, with the answer's body still to come."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=60, source_address=(source, 0)
        )
        sent = dict(headers or {})
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        try:
            connection.request(method, path, content, sent)
            yield connection.getresponse()
        finally:
            connection.close()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Ask again until it is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain until {what}"
