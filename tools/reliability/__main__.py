"""``python -m tools.reliability``: measure the table of reliability.md section 5 and print it.

``--write`` puts it into docs/reliability-results.md. Rows that fall short stay in it and say so; the exit
status is non-zero when one does.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from copilot_api import _native

from . import draining, probes, records, suites
from .records import ROOT
from .row import Measured, Row

PAGE = ROOT / "docs" / "reliability-results.md"

ROWS = (
    Row(
        "faults",
        "upstream faults, by dialect, stream and plain",
        "60 faults, all pass",
        "70 faults, four dialects",
        suites.upstream_faults,
    ),
    Row("framing", "framing payloads refused", "50 of 50", "150, also over TLS", suites.framing),
    Row("process", "process-level faults", "20 of 20", "30", suites.process_faults),
    Row("bytes", "lost, added or altered bytes", "0", "0 over 10⁶ streams", records.bytes_lost),
    Row("secrets", "secrets seen by client, log or disk scan", "0", "0", suites.secrets),
    Row("cancel", "cancel seen by upstream", "p99 ≤ 100 ms", "p99 ≤ 20 ms", probes.cancel),
    Row("stalled", "memory per stalled stream", "≤ 64 KiB", "≤ 32 KiB", probes.stalled),
    Row(
        "stopped",
        "extra memory for a reader that stopped",
        "≤ 1 MiB + frame",
        "same, 1,000 of them",
        probes.stopped_reader,
    ),
    Row("recovery", "recovery after token outage", "≤ 3 s", "≤ 1 s", probes.recovery),
    Row("stall", "stall detected", "limit + 0.5 s", "limit + 0.1 s", probes.stall),
    Row("drain", "drain: streams lost", "0", "0 over 1,000 restarts under load", draining.drain),
    Row("fuzz", "fuzz executions, crashes", "60 s a target, 0", "10⁹, 0", records.fuzz),
    Row("soak", "soak", "10 min, slope ≤ 1 MiB/h", "8 h", records.soak),
    Row("mutants", "mutants killed (readers, guards)", "80 %", "90 %", records.mutants),
    Row("coverage", "line coverage, per directory of the core", "90 %", "96 %", records.coverage),
)


def main() -> int:
    """Measure, print, and write when told."""
    parser = argparse.ArgumentParser(prog="reliability", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help=f"rows, by comma: {', '.join(row.key for row in ROWS)}")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    wanted = given.only.split(",") if given.only else [row.key for row in ROWS]
    unknown = set(wanted) - {row.key for row in ROWS}
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}")
    lines = heading(given.only)
    print("\n".join(lines), flush=True)
    short = False
    for row in ROWS:
        if row.key not in wanted:
            continue
        found = measure(row)
        short = short or found.met is not True
        lines.append(f"| {row.what} | {row.gate} | {row.goal} | {found.found} | {found.verdict} |")
        print(lines[-1], flush=True)
    if given.write:
        write(PAGE, lines)
    return 1 if short else 0


def measure(row: Row) -> Measured:
    """Measure one row; a probe that fails is a row that is not met."""
    began = time.monotonic()
    try:
        return row.measure()
    except (AssertionError, OSError, ValueError, KeyError) as error:
        took = time.monotonic() - began
        text = f"the probe failed after {took:.0f} s: {type(error).__name__}: {error}"
        return Measured(" ".join(text.split())[:300].replace("|", "/"), met=False)


def heading(only: str | None) -> list[str]:
    """Return what the figures depend on, and the head of the table."""
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    profile = _native.build_info()["profile"]
    how = f"make reliability{f' ARGS=--only={only}' if only else ''}"
    return [
        (
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, `{how}`; native module: "
            f"{profile}; Python {platform.python_version()}, {platform.system()} {platform.machine()}."
        ),
        "",
        "| what | gate | goal | measured here | gate met |",
        "| --- | --- | --- | --- | --- |",
    ]


def write(page: Path, lines: list[str]) -> None:
    """Write the page."""
    title = (
        "# What must hold, measured\n\n<!-- Written by make reliability ARGS=--write; do not edit. -->\n\n"
    )
    words = (
        "\n\nGates hold for every merge, goals for a release. A row that falls short stays here and says so; "
        "figures of time and memory are this machine's.\n"
    )
    page.write_text(title + "\n".join(lines) + words, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
