"""Run test suites and repeat their closing lines at the end, so that the last screen tells the result.

Usage: ``run_tests.py SUITE... [-- ARGUMENTS OF THE LAST SUITE]``. All suites run even when one fails. The
closing lines, as the runners wrote them, are kept in ``target/closing-lines/SUITE.txt``: causes of failures,
names of failed tests, results.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CLOSING_LINES = ROOT / "target" / "closing-lines"
MOST = 24
"""Lines of causes that are kept of a suite, and as many names."""
LONGEST = 500
"""Characters of such a line."""
LAST = 12
"""Lines that are kept of a runner that came to no result."""

PYTEST = (sys.executable, "-m", "pytest", "--color=no")
SUITES = {
    # The binding crate holds no logic; its tests are the Python ones, through the built module.
    "rust": ("cargo", "test", "--locked", "--no-fail-fast", "--workspace", "--exclude", "copilot-python"),
    # A workspace of its own: no part of the program, and of what its tests build, needs loom.
    "models": ("cargo", "test", "--locked", "--manifest-path", "models/Cargo.toml", "--test", "schedules"),
    "python": (*PYTEST, "-n", "2", "-m", "not clients and not aider"),
    "browser": (*PYTEST, "-n", "2", "tests/browser"),
    "clients": (*PYTEST, "-n", "2", "-m", "clients", "tests/clients"),
    "aider": (*PYTEST, "-m", "aider", "tests/clients"),
}


class Runner(NamedTuple):
    """What a runner's lines look like, from their beginnings."""

    result: re.Pattern[str]
    name: re.Pattern[str]
    """Of what failed."""
    cause: re.Pattern[str]
    more: int = 0
    """Lines that belong to a cause and follow it, up to a blank one or a note."""


CARGO = Runner(
    result=re.compile(r"test result: (?!ok\. 0 passed; 0 failed; 0 ignored)"),
    name=re.compile(r"test .* \.\.\. FAILED$|error: | +`-p .*`$"),
    cause=re.compile(r"thread '.*' (\(\d+\) )?panicked at |error\[E\d+\]: "),
    more=4,
)
PYTEST_RUNNER = Runner(
    result=re.compile(r"=+ .*\bin [\d.]+s.* =+$"),
    name=re.compile(r"(FAILED|ERROR) \S"),
    # The title, the line that failed, what it says, and where it is.
    cause=re.compile(r"_{2,} .* _{2,}$|[>E]  |\S+\.py:\d+: "),
)
RUNNERS = {
    "rust": CARGO,
    "models": CARGO,
    "python": PYTEST_RUNNER,
    "browser": PYTEST_RUNNER,
    "clients": PYTEST_RUNNER,
    "aider": PYTEST_RUNNER,
}


def closing_lines(runner: Runner, output: Iterable[str]) -> list[str]:
    """Return of a runner's output the causes of failures, the names of what failed, and the results."""
    causes: list[str] = []
    names: list[str] = []
    results: list[str] = []
    last: deque[str] = deque(maxlen=LAST)
    more = 0
    for line in map(str.rstrip, output):
        last.append(line)
        if runner.cause.match(line):
            more = runner.more
            causes.append(line)
        elif more and line and not line.startswith("note: "):
            more -= 1
            causes.append(line)
        else:
            more = 0
        if runner.name.match(line):
            names.append(line)
        elif runner.result.match(line):
            results.append(line)
    if not results:
        results = [*last, "no result"]
    return [*_most(causes if names else []), *_most(names), *results]


def _most(lines: list[str]) -> list[str]:
    kept = [line if len(line) <= LONGEST else f"{line[:LONGEST]}…" for line in lines[:MOST]]
    return kept if len(lines) <= MOST else [*kept, f"({len(lines) - MOST} lines more)"]


def run(suite: str, arguments: list[str]) -> tuple[int, list[str]]:
    """Run one suite, showing its output as it comes. Return its exit status and its closing lines."""
    command = [*SUITES[suite], *arguments]
    print(f"$ {' '.join(command)}", flush=True)

    def shown(output: Iterable[str]) -> Iterator[str]:
        for line in output:
            print(line, end="", flush=True)
            yield line

    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        closing = closing_lines(RUNNERS[suite], shown(process.stdout))
    if process.returncode:
        closing.append(f"exit status {process.returncode}")
    return process.returncode, closing


def main() -> int:
    """Run the suites named on the command line. Return the exit status."""
    names, _, rest = " ".join(sys.argv[1:]).partition(" -- ")
    suites = names.split()
    arguments = sys.argv[1:][len(suites) + 1 :] if rest else []
    unknown = [name for name in suites if name not in SUITES]
    if unknown or not suites:
        print(f"usage: run_tests.py {{{','.join(SUITES)}}}... [-- ARGUMENTS]", file=sys.stderr)
        return 2
    CLOSING_LINES.mkdir(parents=True, exist_ok=True)
    worst = 0
    closing: dict[str, list[str]] = {}
    for suite in suites:
        status, closing[suite] = run(suite, arguments if suite == suites[-1] else [])
        worst = worst or status
        (CLOSING_LINES / f"{suite}.txt").write_text("\n".join(closing[suite]) + "\n", encoding="utf-8")
    print()
    for suite, lines in closing.items():
        print("\n".join(f"[{suite}] {line}" for line in lines))
    return worst


if __name__ == "__main__":
    sys.exit(main())
