"""``copilot-api doctor``: what keeps the gateway from working, and the fix."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.doctor.examination import Examination, Progress, examine
from copilot_api.doctor.findings import CHECKS, PAGE, Finding
from copilot_api.doctor.situation import Situation, read_situation
from copilot_api.github.credentials import data_directory
from copilot_api.redaction import redact

_MARKS = {"ok": "✔", "note": "i", "warning": "!", "problem": "✖", "skipped": "-"}


def run(invocation: Invocation) -> int:
    """Make all checks and print them; 1 when there is a problem."""
    _, examination = look_at(invocation)
    if invocation.flag("fix") and repair(examination.findings, invocation):
        _, examination = look_at(invocation)
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(as_members(examination), indent=2))
    else:
        invocation.console.plain(shown(examination))
    return 1 if examination.has_problem else 0


@contextmanager
def progress() -> Iterator[Progress]:
    """Show on a terminal how many checks have ended, while the block runs; elsewhere say nothing."""
    ended = 0

    def show(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def tell(name: str) -> None:
        nonlocal ended
        ended += 1
        show(f"{ended} checks done, last: {name}")

    show("looking …")
    try:
        yield tell
    finally:
        show("")


def look_at(invocation: Invocation) -> tuple[Situation, Examination]:
    """Make all checks of what a start with these options would find."""
    directory = data_directory(invocation.home)
    situation, before = read_situation(invocation.parsed.values, os.environ, invocation.home, directory)
    with progress() as tell:
        return situation, run_loop(examine(situation, before, tell))


def repair(findings: tuple[Finding, ...], invocation: Invocation) -> bool:
    """Mend what can be mended without a risk; tell whether anything was."""
    done = False
    for each in findings:
        if each.repair is None:
            continue
        try:
            each.repair()
        except OSError as error:
            invocation.console.warn(f"{', '.join(each.about)} cannot be mended: {error.strerror}")
        else:
            done = True
            invocation.console.success(f"Mended: {', '.join(each.about)} ({each.cause})")
    return done


def as_members(examination: Examination) -> dict[str, object]:
    """Return the result as plain values."""
    return {
        "healthy": not examination.has_problem,
        "counts": dict(Counter(each.level for each in examination.findings)),
        "findings": [each.as_members() for each in examination.findings],
    }


def shown(examination: Examination) -> str:
    """Return the result for a person."""
    width = max(map(len, CHECKS.values()))
    lines = []
    for each in examination.findings:
        about = f"{', '.join(each.about)}: " if each.about and each.check == "network" else ""
        lines.append(f"{_MARKS[each.level]} {CHECKS[each.check]:{width}}  {about}{each.says}")
        if each.fix:
            lines.append(f"  {'':{width}}  fix: {each.fix}")
            lines.append(f"  {'':{width}}  see {PAGE}#{each.cause}")
    counts = Counter(each.level for each in examination.findings)
    problems, warnings = counts["problem"], counts["warning"]
    lines.append("")
    if not problems and not warnings:
        lines.append("Nothing is wrong.")
    else:
        lines.append(f"{_number(problems, 'problem')}, {_number(warnings, 'warning')}")
    return redact("\n".join(lines))


def _number(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
