"""The program: which command, its flags, its help, and what every failure looks like (compat.md 1.1)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from copilot_api.cli import helptext
from copilot_api.cli.arguments import Parsed, parse
from copilot_api.cli.commands import COMMANDS, Command
from copilot_api.cli.console import Console, install_last_resorts, install_logging
from copilot_api.records import record
from copilot_api.redaction import trace
from copilot_api.version import VERSION

INTERRUPTED = 130


@record
class Invocation:
    """What a command gets."""

    parsed: Parsed
    console: Console
    home: Path

    def flag(self, name: str) -> bool:
        """Return a boolean flag."""
        return self.parsed.values.get(name) is True

    @property
    def steps(self) -> Console:
        """Where steps are told: on standard error when a program reads standard output."""
        if not (self.flag("json") or self.flag("csv")):
            return self.console
        return Console(verbose=self.flag("verbose"), out=sys.stderr)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave it with the exit code of the contract."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = main(words, alone=True)
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.stdout.flush()
    raise SystemExit(code)


def main(words: list[str], *, alone: bool = False) -> int:
    """Run one command line and return the exit code. `alone`: the process is for nothing else."""
    console = Console(verbose=False)
    # What follows is for another program: `run claude -- --help`.
    ours = words[: words.index("--")] if "--" in words else words
    chosen = next((at for at, word in enumerate(ours) if not word.startswith("-")), None)
    command = None
    if chosen is not None:
        command = next((each for each in COMMANDS if each.name == words[chosen]), None)
    if "--help" in ours or "-h" in ours:
        console.plain(helptext.of_command(command) if command else helptext.of_program(COMMANDS))
        return 0
    if words and set(words) <= {"--version", "--verbose", "-v"} and "--version" in words:
        if len(words) > 1:
            from copilot_api.cli.debug import versions

            console.plain("\n".join(f"{name} {version}" for name, version in versions().items()))
        else:
            console.plain(VERSION)
        return 0
    if command is None or chosen is None:
        console.plain(helptext.of_program(COMMANDS))
        known = f"Unknown command {words[chosen]}" if chosen is not None else "No command specified."
        console.error(known)
        return 1
    return _execute(command, words[chosen + 1 :], alone=alone)


def _import_asyncio() -> None:
    """Import asyncio without its TLS transports, which nothing here uses: ssl alone takes 4.4 MB.

    asyncio does without when ssl cannot be imported. The native client has its own TLS, and the reference
    client uses ssl by itself, over plain transports.
    """
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    hidden = cast("dict[str, None]", sys.modules)
    hidden["ssl"] = None
    try:
        import asyncio as _  # noqa: F401
    finally:
        del sys.modules["ssl"]


def _execute(command: Command, words: list[str], *, alone: bool) -> int:
    _import_asyncio()
    parsed = parse(words, command.all_flags)
    profile = parsed.values.pop("profile", None)
    if isinstance(profile, str):
        # Where the data directory is looked for; a gateway that a command starts is to use the same.
        os.environ["COPILOT_API_PROFILE"] = profile
    verbose = parsed.values.get("verbose") is True
    console = Console(verbose=verbose)
    install_logging(console)
    if alone:
        install_last_resorts(console)
    for flag in parsed.unknown:
        console.warn(f"unknown flag {flag} is ignored; see copilot-api {command.name} --help")
    home = Path(os.environ.get("USERPROFILE" if sys.platform == "win32" else "HOME") or Path.home())
    try:
        code: int = import_module(command.module).run(Invocation(parsed, console, home))
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        from copilot_api.clients.base import SetupProblem
        from copilot_api.configuration import ConfigurationError
        from copilot_api.engine.interfaces import EngineError
        from copilot_api.gateway.errors import StartupError
        from copilot_api.github.credentials import CredentialProblem
        from copilot_api.keys.store import KeyFileProblem

        expected = isinstance(
            error,
            (
                ConfigurationError,
                EngineError,
                StartupError,
                CredentialProblem,
                KeyFileProblem,
                SetupProblem,
                OSError,
            ),
        )
        text = str(error) if expected else f"{type(error).__name__}: {error}"
        console.error(" ".join(text.split()))
        if not expected:
            console.debug(trace(error))
        failed: int = getattr(error, "exit_code", 1)
        return failed
    finally:
        console.flush()
