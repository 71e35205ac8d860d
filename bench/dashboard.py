"""What an open dashboard costs the gateway and the browser, while nothing happens and while streams run.

    python bench/dashboard.py            (make bench ONLY=dashboard SECONDS=60)

The gateway and a real Chromium with one page; each case is watched for so long. CPU is the scheduler's count
of nanoseconds of all threads, in parts of one core; the page's is that of Chromium's renderers. An idle page
may cost at most 1 % of a core, and the gateway no more than that for it; the exit status tells. Needs Linux's
/proc.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.gateway.machine import thread_seconds, tree  # noqa: E402

from copilot_api.simulator import SimulatorServer  # noqa: E402
from tests.browser.chromium import find, launched  # noqa: E402
from tests.browser.opened import Opened  # noqa: E402
from tests.browser.traffic import busy_hour, streaming  # noqa: E402
from tests.support.process import GatewayProcess  # noqa: E402

SECONDS = float(os.environ.get("SECONDS", "60"))
SETTLE = 5.0
"""Seconds until the browser has finished what opening a page begins."""
MOST = 0.01
"""Parts of a core."""
STREAMS = 10
VIEWS = ("overview", "live", "requests", "failures")


def renderers() -> list[int]:
    """Return the processes that run pages of the browser that this program started."""
    found = []
    for pid in tree(os.getpid()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"--type=renderer" in command:
            found.append(pid)
    return found


def watch(gateway: GatewayProcess) -> tuple[float, float]:
    """Return the parts of a core that the gateway and the pages take while nobody does anything."""
    time.sleep(SETTLE)
    pages = renderers()
    before, began = (thread_seconds(gateway.process.pid), sum(map(thread_seconds, pages))), time.monotonic()
    time.sleep(SECONDS)
    after, passed = (
        (thread_seconds(gateway.process.pid), sum(map(thread_seconds, pages))),
        time.monotonic() - began,
    )
    return (after[0] - before[0]) / passed, (after[1] - before[1]) / passed


def show(case: str, gateway: float, page: float) -> None:
    """Print a line."""
    print(f"{case:<34}{100 * gateway:>9.3f} %{100 * page:>9.3f} %", flush=True)


def main() -> int:
    """Measure. Return the exit status."""
    path = find()
    if path is None:
        print("no Chromium is on the path", file=sys.stderr)
        return 1
    worst = 0.0
    with ExitStack() as stack:
        simulator = stack.enter_context(SimulatorServer())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        browser = stack.enter_context(launched(path))
        with GatewayProcess(home, simulator.url) as gateway:
            busy_hour(gateway, simulator)
            print(f"{SECONDS:g} s each{'gateway':>33}{'page':>11}")
            alone, _ = watch(gateway)
            show("no page", alone, 0.0)
            for view in VIEWS:
                with Opened(browser, gateway.url) as opened:
                    opened.open(view)
                    opened.sees("connected")
                    cost, page = watch(gateway)
                show(f"{view}, idle", cost, page)
                worst = max(worst, cost - alone, page)
            with Opened(browser, gateway.url) as opened:
                for number in range(STREAMS):
                    stack.enter_context(streaming(simulator, gateway, f"program-{number}/1.0"))
                opened.open("live")
                opened.sees(f"{STREAMS} in flight")
                show(f"live, {STREAMS} streams that are silent", *watch(gateway))
    print(f"at most {100 * worst:.3f} % of a core for an idle page, {100 * MOST:g} % allowed")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
