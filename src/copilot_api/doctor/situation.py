"""What is looked at: the settings that a start would have, as far as they can be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copilot_api.configuration import CONFIG_FILE, Configuration, ConfigurationError, load
from copilot_api.doctor.findings import Finding, found, ok
from copilot_api.records import record
from copilot_api.settings import Settings, option_fields

PATIENCE = 6.0
"""Seconds that each step over the network may take."""
CEILING = 10.0
"""Seconds that a check of this machine may take; one over the network gets four steps of patience more."""
_AT_FIRST = re.compile(r"(?:(--[a-z-]+)|\$(\w+)|config\.toml line \d+: ([\w-]+))\b")
"""The beginning of a refusal of a value: it is the value's origin."""
_MOST_REPAIRS = 50


@record
class Situation:
    """One gateway to be: its settings, its directory, its environment."""

    settings: Settings
    origins: Mapping[str, str]
    environ: Mapping[str, str]
    home: Path
    directory: Path
    patience: float = PATIENCE
    ceiling: float = CEILING


def read_situation(
    flags: Mapping[str, Any], environ: Mapping[str, str], home: Path, directory: Path
) -> tuple[Situation, list[Finding]]:
    """Return the situation, and what is wrong with the configuration.

    What cannot be read is left out until the rest can, so that the other checks have something to look at.
    """
    findings: list[Finding] = []
    flags, kept, where = dict(flags), dict(environ), directory
    for _ in range(_MOST_REPAIRS):
        try:
            configuration = load(flags, kept, where)
            break
        except ConfigurationError as error:
            finding = _finding(str(error))
            findings.append(finding)
            origin = _AT_FIRST.match(str(error))
            if finding.cause == "environment-bad-value" and origin and origin[2] in kept:
                del kept[origin[2]]
            elif finding.cause == "flag-bad-value" and origin and _field(origin[1]) in flags:
                del flags[_field(origin[1])]
            else:
                where = directory / "nothing is read here"
    else:
        configuration = Configuration(Settings(), {})
    situation = Situation(configuration.settings, configuration.origins, environ, home, directory)
    if not any(each.check == "config" for each in findings):
        if configuration.has_file:
            findings.append(ok("config", f"{CONFIG_FILE} is read"))
        else:
            findings.append(ok("config", f"there is no {CONFIG_FILE}; none is needed"))
    return situation, findings


def _finding(text: str) -> Finding:
    origin = _AT_FIRST.match(text)
    if origin and origin[2]:
        return found("environment-bad-value", text)
    if origin and origin[1]:
        return found("flag-bad-value", text)
    if origin and origin[3]:
        return found("config-bad-value", text)
    return found("config-unknown-option" if "there is no option" in text else "config-unreadable", text)


def _field(flag: str | None) -> str:
    return (flag or "").removeprefix("--").replace("-", "_")


def known_variables() -> frozenset[str]:
    """Return the names of all variables that the program reads."""
    return frozenset(f"COPILOT_API_{option.name.upper()}" for option in option_fields())
