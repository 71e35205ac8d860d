"""How long a person waits: `--help`, and `start --simulate` until it listens; per engine, alternating.

Prints medians in milliseconds, the ratio between the engines, and the resident memory of the idle program.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "9"))
PROGRAM = [sys.executable, "-m", "copilot_api"]
ENGINES = ("native", "reference")


def environment(home: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": home, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def time_help(home: str) -> float:
    began = time.perf_counter()
    subprocess.run([*PROGRAM, "--help"], env=environment(home), check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def time_start(home: str, engine: str) -> tuple[float, float]:
    """Return milliseconds until the listening line, and resident MB of the idle process."""
    began = time.perf_counter()
    with subprocess.Popen(
        [*PROGRAM, "start", "--simulate", "--port", "0", "--engine", engine],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
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


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        time_help(home)
        print(f"--help                    {median_of(lambda: time_help(home)):7.0f} ms  (goal: under 150)")
        results: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
        for _ in range(ROUNDS):
            for engine in ENGINES:
                results[engine].append(time_start(home, engine))
        for engine in ENGINES:
            took = statistics.median(pair[0] for pair in results[engine])
            resident = statistics.median(pair[1] for pair in results[engine])
            print(
                f"start --simulate, {engine:9} {took:5.0f} ms  (goal: under 1000)   idle {resident:5.1f} MB"
                " with the simulator inside"
            )
        medians = [statistics.median(pair[0] for pair in results[engine]) for engine in ENGINES]
        print(f"native : reference        {medians[0] / medians[1]:7.2f}")


if __name__ == "__main__":
    main()
