"""The pytest fixture `copilot_simulator`; loaded by pytest's entry point, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from copilot_api.simulator.server import SimulatorServer


@pytest.fixture
def copilot_simulator() -> Iterator[SimulatorServer]:
    """A started simulator, fresh for each test."""
    from copilot_api.simulator.server import SimulatorServer

    with SimulatorServer() as server:
        yield server
