"""``copilot-api debug``: the facts to put into a report; makes no file and no call (compat.md 1.5, D-B1)."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

from copilot_api.cli.main import Invocation
from copilot_api.configuration import load
from copilot_api.engine.flags import describe, native_build
from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.version import VERSION

_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "i386": "ia32", "i686": "ia32"}


def run(invocation: Invocation) -> int:
    """Print the facts."""
    directory = data_directory(invocation.home)
    file = TokenFile(directory)
    settings = load({}, os.environ, directory).settings
    machine = platform.machine().lower()
    facts: dict[str, Any] = {
        "version": VERSION,
        "runtime": {
            "name": "python",
            "version": platform.python_version(),
            "platform": sys.platform,
            "arch": _MACHINES.get(machine, machine),
        },
        "paths": {"APP_DIR": str(directory), "GITHUB_TOKEN_PATH": str(file.path)},
        "tokenExists": file.exists(),
        "engine": {
            state.name: {"implementation": state.implementation, "reason": state.reason}
            for state in describe(settings)
        },
    }
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(facts, indent=2))
    else:
        invocation.console.info(_text(facts))
    return 0


def versions() -> dict[str, str]:
    """Return the versions of the program, its engine and what they run on, by name."""
    try:
        native = native_build()
        engine = f"{native['version']} ({native['profile']}, pyo3 {native['pyo3']}, {native['abi']})"
    except ImportError as error:
        engine = f"none ({error}); the reference engine runs"
    machine = f"{sys.platform} {platform.machine().lower()}"
    return {
        "copilot-api": VERSION,
        "native engine": engine,
        platform.python_implementation(): f"{platform.python_version()} ({machine})",
    }


def _text(facts: dict[str, Any]) -> str:
    runtime = facts["runtime"]
    engine = "\n".join(
        f"- {name}: {state['implementation']} ({state['reason']})" for name, state in facts["engine"].items()
    )
    return (
        "copilot-api debug\n\n"
        f"Version: {facts['version']}\n"
        f"Runtime: {runtime['name']} {runtime['version']} ({runtime['platform']} {runtime['arch']})\n\n"
        "Paths:\n"
        f"- APP_DIR: {facts['paths']['APP_DIR']}\n"
        f"- GITHUB_TOKEN_PATH: {facts['paths']['GITHUB_TOKEN_PATH']}\n\n"
        f"Token exists: {'Yes' if facts['tokenExists'] else 'No'}\n\n"
        f"Engine:\n{engine}"
    )
