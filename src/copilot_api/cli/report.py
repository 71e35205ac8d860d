"""``copilot-api report``: all that helps with an issue, in one file that can be shown to anybody."""

from __future__ import annotations

import os
import time
from pathlib import Path

from copilot_api.cli.doctor import look_at
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError
from copilot_api.doctor.report import as_text, contents, make_report
from copilot_api.private_files import replace_private


def run(invocation: Invocation) -> int:
    """Write the report, or print it."""
    given = invocation.parsed.values
    situation, examination = look_at(invocation)
    log = given.get("log") or situation.settings.log_file
    try:
        report = make_report(situation, examination, Path(log).expanduser() if isinstance(log, str) else None)
    except OSError as error:
        raise ConfigurationError(f"--log {log} cannot be read: {error.strerror}") from None
    text, console = as_text(report), invocation.console
    if invocation.flag("print"):
        console.plain(text.rstrip("\n"))
        return 0
    named = given.get("output")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = Path(named if isinstance(named, str) else f"copilot-api-report-{stamp}.json").expanduser()
    try:
        replace_private(path, text)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    console.success(f"Written to {os.path.relpath(path)}, {len(text.encode()) / 1024:.0f} kB:")
    console.plain("\n".join(f"- {line}" for line in contents(report)))
    console.plain(
        "No tokens, keys or prompts are in it, and names of user, machine, home and proxy are taken out.\n"
        "Read it before you show it to anybody."
    )
    return 0
