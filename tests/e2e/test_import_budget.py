"""What the serving process may import, and how much memory it may take idle.

The program runs as a user runs it, against a simulator in the test's process. Linux only: memory is read from
/proc.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from copilot_api import _native
from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GatewayProcess

ROOT = Path(__file__).resolve().parents[2]
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
MESSAGES = CHAT | {"max_tokens": 100, "stream": True}

THIRD_PARTY = (
    "google",
    "opentelemetry",
    "requests",
    "anyio",
    "certifi",
    "click",
    "h11",
    "httpcore2",
    "httpx2",
    "idna",
    "uvicorn",
    "typing_extensions",
)
HEAVY = (
    *(
        "ssl",
        "hashlib",
        "_hashlib",
        "hmac",
        "secrets",
        "email",
        "http",
        "urllib.request",
        "importlib.metadata",
    ),
    *("dataclasses", "argparse", "tempfile", "shutil", "tomllib", "datetime", "concurrent.futures.thread"),
    *("sqlite3", "multiprocessing", "xml", "uuid", "decimal", "copilot_api.engine.reference"),
    *(
        "copilot_api.capture",
        "copilot_api.telemetry",
        "copilot_api.cli.log_file",
        "copilot_api.cli.json_lines",
    ),
    *("copilot_api.gateway.hooks", "copilot_api.embedding"),
)
"""Modules with what they hold. Each costs memory and time that the serving process has no use for."""
LEDGER = ("sqlite3", "datetime")
"""What the ledger's thread brings when the first request is over."""
UVICORN = ("click", "h11", "uvicorn", "typing_extensions")
"""What comes with uvicorn."""

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.xfail(
        not hasattr(_native, "Client"),
        strict=True,
        reason="the reference client and uvicorn run as long as there is no native client and server",
    ),
]


class Inspected(GatewayProcess):
    """The program with the hook of `tests.support.inspected_cli`."""

    def __init__(self, home: Path, upstream: str, *arguments: str) -> None:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        super().__init__(home, upstream, *arguments, environment={"PYTHONPATH": path})
        self.command[2] = "tests.support.inspected_cli"

    def modules(self) -> set[str]:
        """Ask once: what is printed is not told apart."""
        self.process.send_signal(signal.SIGUSR1)
        return set(self.errors.wait_for(r"^modules: (.*)").group(1).split())

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def use(gateway: GatewayProcess) -> None:
    """Ask once for everything that programs ask for."""
    assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
    assert b"[DONE]" in request(gateway.url, "POST", "/v1/chat/completions", CHAT | {"stream": True}).body
    assert b"message_stop" in request(gateway.url, "POST", "/v1/messages", MESSAGES).body
    assert request(gateway.url, "POST", "/v1/messages/count_tokens", MESSAGES).status == 200
    assert request(gateway.url, "POST", "/v1/chat/completions", b"{}").status == 400
    for path in ("/", "/v1/models", "/usage", "/token", "/health", "/metrics"):
        assert request(gateway.url, "GET", path).status == 200


def loaded(modules: set[str], unwanted: tuple[str, ...]) -> list[str]:
    return sorted(
        name for name in modules if any(name == each or name.startswith(f"{each}.") for each in unwanted)
    )


@pytest.mark.parametrize(
    ("arguments", "budget_mb", "unwanted"),
    [
        ((), 25.0, (*THIRD_PARTY, *HEAVY)),
        # The way back, not the way: our own server is what 25 MB are asked of.
        (("--server", "uvicorn"), 36.0, tuple(name for name in THIRD_PARTY if name not in UVICORN)),
    ],
    ids=["native", "uvicorn"],
)
def test_idle_memory_and_modules(
    simulator: SimulatorServer,
    tmp_path: Path,
    arguments: tuple[str, ...],
    budget_mb: float,
    unwanted: tuple[str, ...],
) -> None:
    with Inspected(tmp_path, simulator.url, *arguments) as gateway:
        idle_mb = gateway.resident_mb()
        use(gateway)
        components = request(gateway.url, "GET", "/health").json["engine"]
        modules = gateway.modules()
    running = {name: component["implementation"] for name, component in components.items()}
    running.pop("standing", None)  # only where it is asked for
    if arguments:
        running.pop("server", None)
    assert set(running.values()) == {"native"}, running
    assert loaded(modules, tuple(name for name in unwanted if name not in LEDGER)) == []
    assert idle_mb <= budget_mb


def test_an_idle_gateway_has_not_even_what_the_first_request_brings(
    simulator: SimulatorServer, tmp_path: Path
) -> None:
    with Inspected(tmp_path, simulator.url) as gateway:
        assert request(gateway.url, "GET", "/dashboard").status == 200
        assert loaded(gateway.modules(), (*THIRD_PARTY, *HEAVY)) == []
