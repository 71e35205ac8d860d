"""Lines that the tests reach, by folder: the crates by cargo-llvm-cov, the package by coverage.py.

Usage: ``coverage_table.py [rust] [python]``; both without arguments. Python's are the unit and differential
tests, with the processes that they start; Rust's are those of the crates, without the bindings, whose tests
are Python's. Prints a table and keeps it in ``target/coverage.json``. Needs ``cargo install cargo-llvm-cov
--locked`` and ``rustup component add llvm-tools``; what is missing is said and left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "target" / "coverage.json"
SCRATCH = ROOT / "target" / "coverage"
Lines = Iterable[tuple[str, int, int]]
"""Of each file its path, its lines, and how many of them were reached."""


def rust() -> Lines:
    """Run the tests of the crates."""
    if subprocess.run(["cargo", "llvm-cov", "--version"], capture_output=True, check=False).returncode:
        print("cargo-llvm-cov is not installed (cargo install cargo-llvm-cov --locked): no figures of Rust")
        return []
    report = SCRATCH / "rust.json"
    command = ["cargo", "llvm-cov", "--locked", "--workspace", "--exclude", "copilot-python", "--json"]
    subprocess.run([*command, "--summary-only", "--output-path", str(report)], cwd=ROOT, check=True)
    files = json.loads(report.read_text(encoding="utf-8"))["data"][0]["files"]
    return [
        (file["filename"], file["summary"]["lines"]["count"], file["summary"]["lines"]["covered"])
        for file in files
    ]


def python() -> Lines:
    """Run the unit and differential tests of the package."""
    report = SCRATCH / "python.json"
    coverage = [sys.executable, "-m", "coverage"]
    tests = [
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-m",
        "not clients and not aider",
        "tests/unit",
        "tests/differential",
    ]
    status = subprocess.run([*coverage, "run", *tests], cwd=ROOT, check=False).returncode
    if status:
        print(f"some tests failed (exit status {status}): the figures are those of what ran")
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=True)
    subprocess.run([*coverage, "json", "--quiet", "-o", str(report)], cwd=ROOT, check=True)
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    return [
        (name, found["summary"]["num_statements"], found["summary"]["covered_lines"])
        for name, found in files.items()
    ]


def by_folder(lines: Lines) -> dict[str, dict[str, float]]:
    """Return the sums of each folder, and of all."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, count, reached in lines:
        path = Path(name)
        folder = (path.relative_to(ROOT) if path.is_absolute() else path).parent.as_posix()
        for key in (folder, "all"):
            sums[key][0] += count
            sums[key][1] += reached
    return {
        folder: {"lines": count, "reached": reached, "percent": round(100 * reached / max(count, 1), 1)}
        for folder, (count, reached) in sorted(sums.items())
    }


def main(names: list[str]) -> int:
    """Measure what is named. Return the exit status."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    table = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    for name, measure in (("python", python), ("rust", rust)):
        if not names or name in names:
            table[name] = by_folder(measure())
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    for name, folders in table.items():
        for folder, found in folders.items():
            print(
                f"{name:7} {folder:55} {found['reached']:6} of {found['lines']:6} lines, {found['percent']} %"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
