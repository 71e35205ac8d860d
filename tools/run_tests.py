"""Run test suites and repeat their closing lines at the end, so that the last screen tells the result.

Usage: ``run_tests.py SUITE... [-- ARGUMENTS OF THE LAST SUITE]``. All suites run even when one fails. The
closing lines, as the runners wrote them, are kept in ``target/closing-lines/SUITE.txt``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLOSING_LINES = ROOT / "target" / "closing-lines"

PYTEST = (sys.executable, "-m", "pytest", "--color=no")
SUITES = {
    # The binding crate holds no logic; its tests are the Python ones, through the built module.
    "rust": ("cargo", "test", "--locked", "--workspace", "--exclude", "copilot-python"),
    "python": (*PYTEST, "-n", "2", "-m", "not clients"),
    "clients": (*PYTEST, "-m", "clients"),
}
CLOSING = {
    "rust": re.compile(r"test result: (?!ok\. 0 passed; 0 failed; 0 ignored)|error: "),
    "python": re.compile(r"=+ .*\bin [\d.]+s.* =+$"),
    "clients": re.compile(r"=+ .*\bin [\d.]+s.* =+$"),
}


def run(suite: str, arguments: list[str]) -> tuple[int, list[str]]:
    """Run one suite, showing its output as it comes. Return its exit status and its closing lines."""
    command = [*SUITES[suite], *arguments]
    print(f"$ {' '.join(command)}", flush=True)
    closing: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if CLOSING[suite].match(line.rstrip()):
                closing.append(line.rstrip())
    return process.returncode, closing or [f"{suite}: no closing line, exit status {process.returncode}"]


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
