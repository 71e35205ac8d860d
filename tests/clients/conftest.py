"""Real client programs from their packages, each with a home and an environment of the test's making."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.process import GatewayProcess, clean_environment

BIN = Path(__file__).parent / "node_modules/.bin"


def program(name: str) -> Path:
    """Path of an installed client; `make test-clients` installs them."""
    found = BIN / name
    if not found.exists():
        pytest.skip(f"{name} is not installed; run `make test-clients`")
    return found


def claude(
    gateway: GatewayProcess, folder: Path, prompt: str, *arguments: str, model: str = "claude-sonnet-4.6"
) -> subprocess.CompletedProcess[str]:
    """Run Claude Code once, headless, in `folder`."""
    home = folder / "home"
    work = folder / "work"
    home.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    environment = clean_environment(
        home,
        {
            "ANTHROPIC_BASE_URL": gateway.url,
            "ANTHROPIC_AUTH_TOKEN": "dummy",
            "ANTHROPIC_MODEL": model,
            "ANTHROPIC_DEFAULT_SONNET_MODEL": model,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4.5",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        },
    )
    return subprocess.run(
        [
            str(program("claude")),
            "-p",
            prompt,
            "--output-format",
            "json",
            "--dangerously-skip-permissions",
            *arguments,
        ],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
