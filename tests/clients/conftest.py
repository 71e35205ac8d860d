"""Where a client program runs, and what reached the pretend Copilot meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from copilot_api.simulator import SimulatorServer
from tests.clients.running import Place

_GENERATING = ("/chat/completions", "/responses", "/v1/messages")


class Asked(NamedTuple):
    """One request for an answer, as upstream got it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Empty folders: a home and a place to work."""
    found = Place(tmp_path / "home", tmp_path / "work")
    found.home.mkdir()
    found.work.mkdir()
    return found


@pytest.fixture
def asked(simulator: SimulatorServer) -> Callable[[], list[Asked]]:
    """What upstream was asked to answer since the test began."""
    before = len(simulator.state.requests)

    def since() -> list[Asked]:
        return [
            Asked(entry.path, entry.headers, json.loads(entry.body))
            for entry in simulator.state.requests[before:]
            if entry.path in _GENERATING
        ]

    return since
