"""The program: which command, its flags, its help, and what every failure looks like (compat.md 1.1)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from copilot_api.cli import helptext
from copilot_api.cli.arguments import Flag, Parsed, parse
from copilot_api.cli.console import Console, install_last_resorts, install_logging
from copilot_api.records import record
from copilot_api.redaction import trace
from copilot_api.version import VERSION

INTERRUPTED = 130


@record
class Command:
    """A sub-command: `module` has ``run(invocation) -> exit code`` and is imported only when it runs."""

    name: str
    description: str
    module: str
    flags: Callable[[], tuple[Flag, ...]]


@record
class Invocation:
    """What a command gets."""

    parsed: Parsed
    console: Console
    home: Path

    def flag(self, name: str) -> bool:
        """Return a boolean flag."""
        return self.parsed.values.get(name) is True


def _start_flags() -> tuple[Flag, ...]:
    from copilot_api.configuration import is_boolean, is_list
    from copilot_api.settings import option_fields

    return tuple(
        Flag(
            option.name.replace("_", "-"),
            option.metadata["alias"],
            boolean=is_boolean(option),
            many=is_list(option.name),
        )
        for option in option_fields()
    )


_VERBOSE = Flag("verbose", "v", boolean=True)
_SHOW_TOKEN = Flag("show-token", boolean=True)

COMMANDS = (
    Command("start", "Start the Copilot API server", "copilot_api.cli.start", _start_flags),
    Command(
        "auth",
        "Sign in to GitHub without starting the server, or sign out: auth logout",
        "copilot_api.cli.auth",
        lambda: (_VERBOSE, _SHOW_TOKEN, Flag("keyring", boolean=True)),
    ),
    Command("check-usage", "Show the account's Copilot quota", "copilot_api.cli.check_usage", lambda: ()),
    Command(
        "usage",
        "Show what was spent through this gateway",
        "copilot_api.cli.usage",
        lambda: (
            *(Flag(name) for name in ("by", "since", "model", "client", "key", "session")),
            Flag("json", boolean=True),
            Flag("csv", boolean=True),
        ),
    ),
    Command(
        "models",
        "List the account's models, or explain a name: models resolve NAME",
        "copilot_api.cli.models",
        lambda: (Flag("json", boolean=True), Flag("alias", many=True)),
    ),
    Command(
        "keys",
        "Make, list and revoke client keys: keys add NAME, keys list, keys revoke NAME",
        "copilot_api.cli.keys",
        lambda: (
            Flag("model", many=True),
            Flag("rate"),
            Flag("concurrency"),
            Flag("expires"),
            Flag("json", boolean=True),
        ),
    ),
    Command(
        "debug",
        "Print paths, versions and engine state",
        "copilot_api.cli.debug",
        lambda: (Flag("json", boolean=True),),
    ),
)


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
    chosen = next((at for at, word in enumerate(words) if not word.startswith("-")), None)
    command = None
    if chosen is not None:
        command = next((each for each in COMMANDS if each.name == words[chosen]), None)
    if "--help" in words or "-h" in words:
        console.plain(helptext.of_command(command) if command else helptext.of_program(COMMANDS))
        return 0
    if words == ["--version"]:
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
    parsed = parse(words, command.flags())
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
        from copilot_api.configuration import ConfigurationError
        from copilot_api.engine.interfaces import EngineError
        from copilot_api.gateway.errors import StartupError
        from copilot_api.github.credentials import CredentialProblem
        from copilot_api.keys.store import KeyFileProblem

        expected = isinstance(
            error,
            (ConfigurationError, EngineError, StartupError, CredentialProblem, KeyFileProblem, OSError),
        )
        text = str(error) if expected else f"{type(error).__name__}: {error}"
        console.error(" ".join(text.split()))
        if not expected:
            console.debug(trace(error))
        return 1
    finally:
        console.flush()
