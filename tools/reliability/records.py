"""Rows whose figures other programs wrote into ``target/``: the soak, the fuzzer, mutants, coverage."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from .row import Measured, missing

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
MUTANTS_GATE = 80.0
COVERAGE_GATE = 90.0
SLOPE_GATE = 1.0
SHORTEST_SOAK = 600
FUZZ_SECONDS = 60


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _age(path: Path) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(path.stat().st_mtime))


def soak() -> Measured:
    """Judge the last soak."""
    path = TARGET / "soak.json"
    found = _read(path)
    if found is None:
        return missing("make soak")
    minutes, slope, error = found["seconds"] / 60, found["slope_mib_h"], found["slope_error_mib_h"]
    growth = "no slope" if slope is None else f"slope {slope:+.2f} ± {error:.2f} MiB/h"
    text = (
        f"{minutes:.0f} min, {found['requests']} requests, {found['streams']} streams, "
        f"{sum(found['faults'].values())} faults, {found['aborted']} aborts: {found['damaged']} damaged, "
        f"{found['unexpected']} unexpected; {growth}; descriptors {found['start']['descriptors']} before, "
        f"{found['end']['descriptors']} after ({_age(path)})"
    )
    clean = not found["failures"] and found["seconds"] >= SHORTEST_SOAK
    # Twice the standard error: a slope that may as well be above the gate is not below it.
    return Measured(text, clean and slope is not None and slope + 2 * error <= SLOPE_GATE)


def bytes_lost() -> Measured:
    """Judge what the last soak compared, every answer to the character."""
    found = _read(TARGET / "soak.json")
    if found is None:
        return missing("make soak")
    text = (
        f"{found['damaged']} of {found['requests']} answers, {found['streams']} of them streams, in the soak"
    )
    return Measured(text, found["damaged"] == 0)


def fuzz() -> Measured:
    """Judge the last run of the fuzzer by what it printed."""
    said = sorted((TARGET / "fuzz").glob("*.txt"))
    closing = TARGET / "closing-lines" / "fuzz.txt"
    if not said or not closing.exists():
        return missing("make fuzz SECONDS=60")
    runs, shortest = 0, None
    for path in said:
        text = path.read_text(encoding="utf-8", errors="replace")
        executed = re.findall(r"stat::number_of_executed_units: (\d+)", text)
        took = re.findall(r"Done \d+ runs in (\d+) second", text)
        runs += int(executed[-1]) if executed else 0
        seconds = int(took[-1]) if took else 0
        shortest = seconds if shortest is None else min(shortest, seconds)
    last = closing.read_text(encoding="utf-8").strip().split("\n")[-1]
    failed = not last.endswith(" 0 failed")
    text = f"{runs:,} executions, {len(said)} targets, each {shortest} s or more; {last} ({_age(closing)})"
    return Measured(text, not failed and (shortest or 0) >= FUZZ_SECONDS)


def mutants() -> Measured:
    """Judge what ``make mutants`` wrote, each language by itself."""
    found = _read(TARGET / "mutants.json")
    if found is None:
        return missing("make mutants")
    parts = {language: 100 * part["killed"] / max(part["total"], 1) for language, part in found.items()}
    said = [
        f"{language} {parts[language]:.0f} % ({part['killed']} of {part['total']})"
        for language, part in found.items()
    ]
    tried = all(part["total"] for part in found.values())
    return Measured(", ".join(said), tried and min(parts.values()) >= MUTANTS_GATE)


def coverage() -> Measured:
    """Judge what ``make coverage`` wrote: lines reached, by folder."""
    found = _read(TARGET / "coverage.json")
    if not found:
        return missing("make coverage")
    folders = {
        name: each["percent"]
        for table in found.values()
        for name, each in table.items()
        if name != "all" and each["lines"]
    }
    if not folders:
        return missing("make coverage")
    whole = ", ".join(f"{language} {table['all']['percent']} %" for language, table in found.items() if table)
    worst = min(folders, key=folders.__getitem__)
    below = sum(part < COVERAGE_GATE for part in folders.values())
    text = f"{whole}; lowest {folders[worst]} % ({worst}); {below} of {len(folders)} folders below the gate"
    return Measured(text, below == 0 and len(found) > 1)
