"""Every test here that asks for an engine runs against both, each with its own server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.servers import need

ENGINES = ("native", "reference")
"""With the reference engine goes uvicorn."""


@pytest.fixture(scope="session", autouse=True)
def _posix() -> None:
    if sys.platform == "win32":
        pytest.skip("signals, modes and file systems of POSIX")


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine under test, and with it the server."""
    name: str = request.param
    if name == "native":
        need("native")
    return name


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    """One scripted upstream for a module."""
    with ScriptedUpstream() as scripted:
        yield scripted
