"""Gateways with marked secrets, in front of an upstream that a test can make hostile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.marks import GITHUB, marked
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.servers import need

COMBINATIONS = (("native", "native"), ("reference", "uvicorn"))
"""Engine and server. The other two pairings differ in nothing that is looked at here."""


@dataclass(frozen=True, slots=True)
class Side:
    """A gateway and the upstream behind it."""

    gateway: GatewayProcess
    upstream: ScriptedUpstream
    engine: str
    server: str

    @property
    def port(self) -> int:
        return self.gateway.port


def flags(engine: str, server: str) -> tuple[str, ...]:
    """What `copilot-api start` is told to use them."""
    need(server)
    return ("--engine", engine, "--server", server)


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def combination(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Engine and server."""
    pair: tuple[str, str] = request.param
    need(pair[1])
    return pair


@contextmanager
def running(
    combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory, *arguments: str
) -> Iterator[Side]:
    """A gateway of a combination in front of an upstream whose answers are marked."""
    home = tmp_path_factory.mktemp("home")
    with (
        ScriptedUpstream(marked) as upstream,
        GatewayProcess(home, upstream.url, *flags(*combination), *arguments, token=GITHUB) as gateway,
    ):
        yield Side(gateway, upstream, *combination)


@pytest.fixture(scope="module")
def open_side(combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A gateway of each combination without keys, for all tests of a module."""
    with running(combination, tmp_path_factory) as side:
        yield side


@pytest.fixture
def side(open_side: Side) -> Side:
    """The same, with nothing planned and nothing recorded yet."""
    open_side.upstream.forget()
    return open_side
