"""How long a person waits: `--help`, and `start` until it listens; per engine, alternating.

`start` is timed against an upstream in another process, with token exchange and list of models, and with
``--simulate``, which has the simulator inside. Prints medians in milliseconds, the ratio between the engines,
and the resident memory of the idle program.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "9"))
PROGRAM = [sys.executable, "-m", "copilot_api"]
ENGINES = ("native", "reference")
GOALS = {"start": 300, "start --simulate": 1000}
"""Milliseconds for the native engine."""


def environment(home: str, upstream: str = "") -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    if upstream:
        kept |= {f"COPILOT_API_{name}": upstream for name in ("GITHUB_URL", "GITHUB_API_URL", "COPILOT_URL")}
        kept["COPILOT_API_GITHUB_TOKEN"] = "ghu_bench0000000000000000000000000000000"  # noqa: S105
    return {**kept, "HOME": home, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


@contextmanager
def simulator(home: str) -> Iterator[str]:
    """Run the simulator as a process of its own and give its URL."""
    command = [sys.executable, "-m", "copilot_api.simulator", "--port", "0"]
    with subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.kill()


def time_help(home: str) -> float:
    began = time.perf_counter()
    subprocess.run([*PROGRAM, "--help"], env=environment(home), check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def time_start(home: str, engine: str, upstream: str = "") -> tuple[float, float]:
    """Return milliseconds until the listening line, and resident MB of the idle process."""
    began = time.perf_counter()
    where = [] if upstream else ["--simulate"]
    with subprocess.Popen(
        [*PROGRAM, "start", *where, "--port", "0", "--engine", engine],
        env=environment(home, upstream),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Listening on" in line:
                break
        else:
            raise SystemExit("the program ended before it listened")
        took = (time.perf_counter() - began) * 1000
        resident = memory(process.pid)
        process.terminate()
        process.stdout.read()
    return took, resident


def memory(pid: int) -> float:
    """Return VmRSS in MB, 0 where /proc is not to be had."""
    try:
        with Path(f"/proc/{pid}/status").open(encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
    except OSError:
        return 0.0


def median_of(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(ROUNDS))


def report(name: str, start: Callable[[str], tuple[float, float]]) -> None:
    """Time one way to start with both engines and print the figures."""
    results: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
    for _ in range(ROUNDS):
        for engine, found in results.items():
            found.append(start(engine))
    medians = []
    for engine, found in results.items():
        took, resident = (statistics.median(pair[at] for pair in found) for at in (0, 1))
        medians.append(took)
        goal = f"(goal: under {GOALS[name]})" if engine == "native" else ""
        print(f"{name:17} {engine:9} {took:5.0f} ms  {goal:19}  idle {resident:5.1f} MB", flush=True)
    print(f"{name:17} native : reference {medians[0] / medians[1]:6.2f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        time_help(home)
        print(f"--help                      {median_of(lambda: time_help(home)):5.0f} ms  (goal: under 150)")
        with simulator(home) as upstream:
            report("start", lambda engine: time_start(home, engine, upstream))
        report("start --simulate", lambda engine: time_start(home, engine))


if __name__ == "__main__":
    main()
