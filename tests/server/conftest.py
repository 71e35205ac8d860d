"""Every test here runs against each server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.instrumented import InstrumentedGateway
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.served_app import ServedApp
from tests.support.servers import SERVERS, need, server_arguments


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The name of the server under test."""
    name: str = request.param
    need(name)
    return name


@pytest.fixture(scope="session")
def served(server: str) -> Iterator[ServedApp]:
    """`tests.server.apps` under that server, on 127.0.0.1 and ::1; one process for all tests."""
    with ServedApp(server) as process:
        yield process


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    """A fresh scripted upstream."""
    with ScriptedUpstream() as upstream:
        yield upstream


@dataclass(frozen=True, slots=True)
class Pair:
    """A gateway and the upstream behind it."""

    gateway: InstrumentedGateway
    upstream: ScriptedUpstream
    server: str


@pytest.fixture(scope="session")
def session_pair(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One gateway process a server, for all tests."""
    if sys.platform != "linux":
        pytest.skip("the hooks of the process are signals of Linux")
    home = tmp_path_factory.mktemp("home")
    arguments = ("--max-concurrency", "400", *server_arguments(server))
    with ScriptedUpstream() as upstream, InstrumentedGateway(home, upstream.url, *arguments) as gateway:
        yield Pair(gateway, upstream, server)


@pytest.fixture
def pair(session_pair: Pair) -> Pair:
    """The same, with nothing planned and nothing recorded yet."""
    session_pair.upstream.forget()
    return session_pair
