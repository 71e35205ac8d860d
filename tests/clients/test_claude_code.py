"""Claude Code, the program itself, through the gateway to the simulator's chat endpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.clients.conftest import claude
from tests.support.process import GatewayProcess

pytestmark = pytest.mark.clients


def test_answers_a_prompt(gateway: GatewayProcess, tmp_path: Path) -> None:
    done = claude(gateway, tmp_path, "Say something about Lisbon.")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert not result["is_error"]
    assert "Lisbon" in result["result"]
    assert result["usage"]["output_tokens"] > 0


@pytest.mark.parametrize("model", ["claude-sonnet-4.6", "gpt-4.1"])
def test_writes_a_file(
    gateway: GatewayProcess, simulator: SimulatorServer, tmp_path: Path, model: str
) -> None:
    before = len(simulator.state.requests)
    done = claude(
        gateway,
        tmp_path,
        "Write a file named hello.txt with the content: hello from the simulator",
        model=model,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not json.loads(done.stdout)["is_error"], done.stdout
    assert (tmp_path / "work/hello.txt").read_text(encoding="utf-8").strip() == "hello from the simulator"
    asked = [entry for entry in simulator.state.requests[before:] if entry.path == "/chat/completions"]
    assert [entry.headers["x-initiator"] for entry in asked[:2]] == ["user", "agent"]
