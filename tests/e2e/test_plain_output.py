"""What commands print into a pipe: nothing that acts on a terminal, and JSON where it is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.process import GITHUB_TOKEN, GatewayProcess, clean_environment

COMMANDS = (
    "auth status",
    "auth explain",
    "cache",
    "capture list",
    "check-usage",
    "config",
    "debug",
    "doctor",
    "keys list",
    "models",
    "models resolve sonnet",
    "setup --list",
    "top",
    "usage",
)


def run(gateway: GatewayProcess, simulator: SimulatorServer, home: Path, command: str) -> tuple[str, str]:
    """Run a command as in a pipeline; `NO_COLOR` is not what keeps colours away."""
    urls = {f"COPILOT_API_{name}_URL": simulator.url for name in ("GITHUB", "GITHUB_API", "COPILOT")}
    given = {"COPILOT_API_PORT": str(gateway.port), "COPILOT_API_GITHUB_TOKEN": GITHUB_TOKEN, "TERM": "xterm"}
    environment = clean_environment(home, urls | given)
    del environment["NO_COLOR"]
    done = subprocess.run(
        [sys.executable, "-m", "copilot_api", *command.split()],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_gets_text_and_json(
    gateway: GatewayProcess, simulator: SimulatorServer, tmp_path: Path, command: str
) -> None:
    out, err = run(gateway, simulator, tmp_path, command)
    assert out
    assert "\x1b" not in out + err
    told, err = run(gateway, simulator, tmp_path, f"{command} --json")
    json.loads(told)
    assert "\x1b" not in err
    assert GITHUB_TOKEN not in out + told
