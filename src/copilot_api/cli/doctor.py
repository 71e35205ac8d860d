"""``copilot-api doctor``: what keeps the gateway from working, and the fix."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.doctor.examination import Examination, Progress, examine
from copilot_api.doctor.findings import CHECKS, PAGE, Finding
from copilot_api.doctor.situation import Situation, read_situation
from copilot_api.github.credentials import data_directory
from copilot_api.redaction import redact

_MARKS = {"ok": ("✔", 32), "warning": ("!", 33), "problem": ("✖", 31), "skipped": ("-", 90)}


def run(invocation: Invocation) -> int:
    """Make all checks and print them; 1 when there is a problem."""
    situation, before = read(invocation)
    examination = run_loop(examine(situation, before, progress_of(len(CHECKS))))
    if invocation.flag("fix") and repair(examination.findings, invocation):
        situation, before = read(invocation)
        examination = run_loop(examine(situation, before, progress_of(len(CHECKS))))
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(as_members(examination), indent=2))
    else:
        invocation.console.plain(
            shown(examination, colour="NO_COLOR" not in os.environ and sys.stdout.isatty())
        )
    return 1 if examination.has_problem else 0


def read(invocation: Invocation) -> tuple[Situation, list[Finding]]:
    """Return what is to be looked at, and what its configuration has wrong."""
    directory = data_directory(invocation.home)
    return read_situation(invocation.parsed.values, os.environ, invocation.home, directory)


def progress_of(all_of_them: int) -> Progress:
    """Return what shows on a terminal how many checks have ended; elsewhere it says nothing."""
    ended = 0
    shows = sys.stderr.isatty()

    def progress(name: str) -> None:
        nonlocal ended
        ended += 1
        if shows:
            print(f"\r\x1b[K{ended} checks done, last: {name}", end="", file=sys.stderr, flush=True)

    def silent_at_the_end(name: str) -> None:
        progress(name)
        if shows and ended >= all_of_them:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    return silent_at_the_end


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


def shown(examination: Examination, *, colour: bool) -> str:
    """Return the result for a person."""
    width = max(map(len, CHECKS.values()))
    lines = []
    for each in examination.findings:
        mark, code = _MARKS[each.level]
        if colour:
            mark = f"\x1b[{code}m{mark}\x1b[0m"
        about = f"{', '.join(each.about)}: " if each.about and each.check == "network" else ""
        lines.append(f"{mark} {CHECKS[each.check]:{width}}  {about}{each.says}")
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
