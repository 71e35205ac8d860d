"""Pictures of the dashboard for the README: ``make screenshot`` writes them into ``docs/images``.

What they show went through the gateway to the simulator and back, and was billed there. Only the times of
what is over were made up afterwards, since nobody waits for a month.
"""

from __future__ import annotations

import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from copilot_api.github.credentials import data_directory
from copilot_api.simulator import SimulatorServer
from copilot_api.spending import LEDGER_FILE
from tests.browser.chromium import find, launched
from tests.browser.opened import Opened
from tests.browser.traffic import Day, busy_hour, spread, streaming
from tests.support.process import GatewayProcess

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
CONVERSATIONS = 170
PACE = 0.004
"""Seconds between two pieces of an answer."""
SIZE = {"width": 1280, "height": 905}
BUDGETS = ("--budget", "200 credits/day soft", "--budget", "model=claude-opus-4.6: 600 credits/month")
LARGEST = 300_000
"""Bytes of a picture."""


def traffic(home: Path, simulator: SimulatorServer) -> None:
    """Fill the ledger of a home."""
    with GatewayProcess(home, simulator.url) as gateway:
        busy_hour(gateway, simulator)
        sent = Day(gateway.url).run(CONVERSATIONS)
        print(f"{sent} requests went through the gateway", flush=True)
        gateway.stop()
    spread(data_directory(home) / LEDGER_FILE, random.Random(2))  # noqa: S311 - made-up times


def take(path: str, gateway: GatewayProcess) -> None:
    """Write a picture for each scheme."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with launched(path) as browser:
        for scheme, name in (("light", "dashboard.png"), ("dark", "dashboard-dark.png")):
            with Opened(
                browser, gateway.url, viewport=SIZE, color_scheme=scheme, device_scale_factor=1.5
            ) as opened:
                opened.open("overview")
                opened.sees("Premium interactions", "3 in flight")
                opened.judge()
                picture = opened.page.screenshot(path=IMAGES / name)
            print(f"docs/images/{name}: {len(picture)} bytes", flush=True)
            assert len(picture) <= LARGEST


def main() -> int:
    """Take the pictures. Return the exit status."""
    path = find()
    if path is None:
        print("No Chromium is on the path", file=sys.stderr)
        return 1
    with SimulatorServer(chunk_delay=PACE) as simulator, tempfile.TemporaryDirectory() as directory:
        traffic(Path(directory), simulator)
        with GatewayProcess(Path(directory), simulator.url, *BUDGETS) as gateway, ExitStack() as running:
            for program in ("claude-cli/2.1.330", "codex_cli_rs/0.169.0", "opencode/1.18.33"):
                running.enter_context(streaming(simulator, gateway, program))
            take(path, gateway)
    return 0


if __name__ == "__main__":
    sys.exit(main())
