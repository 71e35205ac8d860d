"""Fixtures for tests that talk to the real program over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.process import GatewayProcess

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    """The pretend GitHub and Copilot, in a thread of the test process."""
    with SimulatorServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """`copilot-api start` as a process, pointed at the simulator."""
    with GatewayProcess(tmp_path_factory.mktemp("home"), simulator.url) as process:
        yield process
