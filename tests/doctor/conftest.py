"""Patients."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.doctor.patient import Patient


@pytest.fixture(scope="session", autouse=True)
def _posix() -> None:
    if sys.platform == "win32":
        pytest.skip("modes and file systems of POSIX")


@pytest.fixture
def patient(simulator: SimulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    """A healthy one."""
    simulator.faults.clear()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    yield Patient(home, simulator, monkeypatch)
    simulator.faults.clear()
