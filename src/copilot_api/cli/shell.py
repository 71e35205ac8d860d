"""Environment assignments in the words of each shell (compat.md 1.6; D-S8, D-B10)."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from typing import Literal

Shell = Literal["bash", "zsh", "fish", "sh", "powershell", "cmd"]

_SAFE_CMD = re.compile(r"[^\"%!^&|<>]*")


def detect(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Shell:
    """Return the user's shell. On Windows PowerShell is known by the module path it sets."""
    environ = os.environ if environ is None else environ
    if platform == "win32":
        return "powershell" if environ.get("PSModulePath", "").count(";") > 1 else "cmd"
    path = environ.get("SHELL", "")
    for name in ("zsh", "fish", "bash"):
        if path.endswith(name):
            return name
    return "sh"


def command_with(variables: Mapping[str, str | None], command: str, shell: Shell) -> str:
    """Return a line that sets the variables and runs the command; those without a value are left out.

    Safe values are written as they are, others are quoted. Raises ValueError for what cmd cannot quote.
    """
    given = [(name, value) for name, value in variables.items() if value is not None]
    parts = _assignments(given, shell)
    if not parts:
        return command
    return f"{parts}{_joint(shell)}{command}" if command else parts


def _assignments(given: list[tuple[str, str]], shell: Shell) -> str:
    if not given:
        return ""
    if shell == "powershell":
        return "; ".join(f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in given)
    if shell == "cmd":
        for _, value in given:
            if not _SAFE_CMD.fullmatch(value):
                raise ValueError(f"{value!r} cannot be quoted for cmd")
        return " & ".join(f'set "{name}={value}"' for name, value in given)
    if shell == "fish":
        return "; ".join(f"set -gx {name} {_quoted(value)}" for name, value in given)
    return "export " + " ".join(f"{name}={_quoted(value)}" for name, value in given)


def _joint(shell: Shell) -> str:
    return {"powershell": "; ", "cmd": " & "}.get(shell, " && ")


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w@%+=:,./-]+", value, re.ASCII) else shlex.quote(value)
