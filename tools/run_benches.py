"""Run the scripts of ``bench/`` one after the other and keep what they print.

Usage: ``run_benches.py [NAME...]``; without names all. A script is a program: it prints its own figures and
exits non-zero when it cannot measure. Output goes to the terminal and to ``bench/results/NAME.txt``, headed
by the machine and the commit, since a figure without them says nothing.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"


def heading() -> str:
    """Return the facts that every figure depends on."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"# {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} CPUs\n"
    )


def run(script: Path) -> int:
    """Run one script. Return its exit status."""
    results = BENCH / "results"
    results.mkdir(exist_ok=True)
    print(f"== {script.stem}", flush=True)
    with (results / f"{script.stem}.txt").open("w", encoding="utf-8") as record:
        record.write(heading())
        with subprocess.Popen(
            [sys.executable, str(script)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                record.write(line)
    return process.returncode


def main() -> int:
    """Run the scripts named on the command line. Return the exit status."""
    scripts = {path.stem: path for path in sorted(BENCH.glob("*.py")) if not path.name.startswith("_")}
    names = sys.argv[1:] or list(scripts)
    unknown = [name for name in names if name not in scripts]
    if unknown or not scripts:
        print(f"no benchmark named {', '.join(unknown) or 'anything'} in bench/", file=sys.stderr)
        return 2
    statuses = [run(scripts[name]) for name in names]
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
