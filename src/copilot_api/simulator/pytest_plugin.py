"""The pytest plugin (docs/embedding.md): `copilot_simulator` and `copilot_gateway`.

Loaded by pytest's entry point in everybody's test runs, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from copilot_api.background import BackgroundGateway
    from copilot_api.simulator.server import SimulatorServer

MARKER = "copilot_gateway(**options): options of docs/options.md for the fixture copilot_gateway"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def copilot_simulator() -> Iterator[SimulatorServer]:
    """A pretend GitHub and Copilot on a port of its own, fresh for each test."""
    from copilot_api.simulator.server import SimulatorServer

    with SimulatorServer() as server:
        yield server


@pytest.fixture
def copilot_gateway(
    request: pytest.FixtureRequest, copilot_simulator: SimulatorServer
) -> Iterator[BackgroundGateway]:
    """A gateway on that simulator, served on a free port; it reads no environment and no home.

    Options come from ``@pytest.mark.copilot_gateway(alias=["fast=gpt-4.1"])``.
    """
    from copilot_api.background import BackgroundGateway

    marker = request.node.get_closest_marker("copilot_gateway")
    options = {"drain_timeout": 1.0} | ({} if marker is None else marker.kwargs)
    with BackgroundGateway(simulator=copilot_simulator, **options) as gateway:
        yield gateway
