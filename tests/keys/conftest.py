"""One gateway with a store of keys for each engine, shared by all tests that do not need another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.departures import DIALECTS
from tests.support.keyed import KeyedGateway
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.servers import need

ENGINES = ("native", "reference")
"""With the reference engine goes uvicorn."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """The gateway, the upstream behind it, and the engine's name."""

    gateway: KeyedGateway
    upstream: ScriptedUpstream
    engine: str


@pytest.fixture(scope="session", autouse=True)
def _linux() -> None:
    if sys.platform != "linux":
        pytest.skip("requests come from several addresses of the loopback network")


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine under test, and with it the server."""
    name: str = request.param
    if name == "native":
        need("native")
    return name


@pytest.fixture(scope="session")
def session_guarded(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Started with keys of each kind in its store."""
    home = tmp_path_factory.mktemp("home")
    with ScriptedUpstream() as upstream:
        options = ("--engine", engine, "--cors-origin", "https://ui.example")
        gateway = KeyedGateway(home, upstream.url, *options)
        gateway.keys.add("full")
        gateway.keys.add("restricted", models=("gpt-4.1", "sonnet", "text-embedding-*"))
        gateway.keys.add("revoked")
        gateway.keys.revoke("revoked")
        gateway.keys.add("expired", expires=1)
        for dialect in DIALECTS:
            gateway.keys.add(f"gone-{dialect.name}")
            gateway.keys.add(f"slow-{dialect.name}", rate=1)
        gateway.keys.add("narrow", concurrency=1)
        with gateway:
            yield Guarded(gateway, upstream, engine)


@pytest.fixture
def guarded(session_guarded: Guarded) -> Guarded:
    """The same, with nothing planned and nothing recorded yet."""
    session_guarded.upstream.forget()
    return session_guarded
