"""The program on both servers, and what is asked of the simulator behind it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.descriptors import allow_descriptors
from tests.support.http import request as ask
from tests.support.process import GatewayProcess

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}


def asked_upstream(simulator: SimulatorServer) -> int:
    """Requests so far, but for the model list, which the gateway fetches anew now and then."""
    return sum(each.path != "/models" for each in simulator.state.requests)


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def either(
    request: pytest.FixtureRequest, simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """`copilot-api start` on each server, with room for many connections."""
    if sys.platform == "linux":
        allow_descriptors(4096)
    home = tmp_path_factory.mktemp("home")
    with GatewayProcess(home, simulator.url, "--server", request.param) as process:
        yield process


@pytest.fixture
def nothing_upstream(either: GatewayProcess, simulator: SimulatorServer) -> Iterator[None]:
    """What the test does causes no request upstream, and does not harm the next client."""
    before = asked_upstream(simulator)
    yield
    assert asked_upstream(simulator) == before
    assert ask(either.url, "POST", "/v1/chat/completions", CHAT).status == 200
    assert asked_upstream(simulator) == before + 1
