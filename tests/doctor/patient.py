"""A set-up that a test breaks in one way, and what the doctor finds in it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from copilot_api.doctor.examination import Examination, examine
from copilot_api.doctor.findings import Finding
from copilot_api.doctor.situation import read_situation
from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.ledger.store import Ledger
from copilot_api.records import replace
from copilot_api.redaction import Secret
from copilot_api.simulator import SimulatorServer
from tests.support.process import GITHUB_TOKEN

NOISE = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "npm_config_proxy", "npm_config_https_proxy")
OURS = ("COPILOT_API_", "GH_", "SSL_CERT_", "HOST")


class Patient:
    """Healthy as it is made: signed in, against a simulator, nothing running yet."""

    def __init__(self, home: Path, simulator: SimulatorServer, patch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.simulator = simulator
        self.directory = data_directory(home, {})
        self.flags: dict[str, Any] = {"port": "0"}
        self.patience = 60.0
        """Long: what is slow here is the machine."""
        self._patch = patch
        for name in list(os.environ):
            if name.lower() in NOISE or name.startswith(OURS):
                patch.delenv(name)
        for name in ("GITHUB", "GITHUB_API", "COPILOT"):
            self.set(f"COPILOT_API_{name}_URL", simulator.url)
        assert TokenFile(self.directory).write(Secret(GITHUB_TOKEN))

    def set(self, name: str, value: str) -> None:
        """An environment variable: the native client reads the process's own."""
        self._patch.setenv(name, value)

    def unset(self, name: str) -> None:
        self._patch.delenv(name)

    def write(self, name: str, content: str | bytes, mode: int = 0o600) -> Path:
        """A file in the data directory."""
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def sign_in(self, token: str) -> None:
        self.write("github_token", token)

    def answer(self, path: str, status: int, value: Any) -> None:
        """What GitHub or Copilot answers, once."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.simulator.faults.add(path, "status", status=status, body=body)

    def with_ledger(self) -> Path:
        """An empty ledger as the gateway makes it."""
        from copilot_api.ledger.schema import open_to_write

        path = self.directory / "ledger.sqlite"
        open_to_write(path).close()
        assert Ledger(path, days=1, max_bytes=0).written == 0
        return path

    def examine(self) -> Examination:
        situation, before = read_situation(self.flags, dict(os.environ), self.home, self.directory)
        return asyncio.run(examine(replace(situation, patience=self.patience, ceiling=60.0), before))


def named(examination: Examination) -> dict[str, Finding]:
    """What is wrong, by its name; notes are not."""
    return {each.cause: each for each in examination.findings if each.level in ("warning", "problem")}
