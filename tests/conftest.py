"""Fixtures for tests that talk to the real program over a real socket."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from copilot_api.simulator import SimulatorServer
from tests.support.process import GatewayProcess

# Examples are never judged by time: a shared machine is slow at any moment. In CI they are the same each run.
settings.register_profile(
    "shared",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.load_profile("shared")

# A shell that runs the tests in the background has them ignore Ctrl-C, `nohup` that the terminal closes, and
# the programs that they start too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _logging_as_it_comes() -> Iterator[None]:
    """Commands in the tests' own process have the log to themselves: take that back, before and after."""
    logger = logging.getLogger("copilot_api")

    def reset() -> None:
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.NOTSET)

    reset()
    yield
    reset()


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
