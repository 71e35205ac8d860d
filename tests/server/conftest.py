"""Every test here runs against each server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.served_app import ServedApp
from tests.support.servers import SERVERS, need


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
