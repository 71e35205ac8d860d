"""``copilot-api service``: the gateway kept running by the system: a systemd user unit or a launchd agent."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from sys import platform as _platform
from typing import Any, Protocol

from copilot_api.cli.arguments import parse
from copilot_api.cli.commands import start_flags
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError, load
from copilot_api.github.credentials import NO_PROFILE, PROFILE, data_directory
from copilot_api.github.sources import store_of
from copilot_api.private_files import make_private, replace_private
from copilot_api.records import record
from copilot_api.settings import Settings

USAGE = "write `copilot-api service install`, `service uninstall` or `service status`; --help has examples"
ENVIRONMENT_FILE = "service.env"
MARK = "Written by copilot-api service install"
"""Stands in what we write, so that nothing else is ever replaced or removed."""
_NOT_RUNNING = 3
"""The exit code of `systemctl status` for a unit that does not run."""
_FLAGS = {"install": {"print", "no_start", "force", "json"}, "uninstall": {"json"}, "status": {"json"}}
_TOKENS = ("COPILOT_API_GITHUB_TOKEN", "GH_TOKEN")
_SECRETS = ("github_token", "api_key")
_ENVIRONMENT = """\
# Environment of the copilot-api service, a NAME=value a line; values with spaces or $ in single quotes.
# For secrets and for proxies, which a service does not take over from your shell. Read at its next start:
# COPILOT_API_GITHUB_TOKEN=
# COPILOT_API_API_KEY=
# HTTPS_PROXY=
"""


class ServiceProblem(ConfigurationError):
    """The system does not do what was asked; the text is one line and says what to do."""


@record
class Plan:
    """What the service is to run, and where it reads its environment."""

    command: tuple[str, ...]
    environment: Path
    signed_in: bool
    """There is a credential for it, or it needs none."""
    stop_seconds: int
    """How long it may take to stop: streams that run are given this time."""


@record
class Standing:
    """How the service stands; texts are the manager's words."""

    installed: bool
    running: bool
    enabled: bool
    state: str
    pid: int | None = None


class Manager(Protocol):
    """What keeps programs running on one kind of system. Methods raise :class:`ServiceProblem`."""

    name: str
    path: Path

    def text(self, plan: Plan) -> str:
        """Return the file that describes the service."""

    def check(self) -> None:
        """Raise when nothing runs here that would read the file."""

    def install(self, *, start: bool) -> None:
        """Let the manager take the file, and start the service now, or at the next log-in."""

    def uninstall(self) -> None:
        """Stop the service, remove the file, and let the manager forget it."""

    def standing(self) -> Standing:
        """Ask the manager."""

    def hints(self) -> tuple[str, ...]:
        """Say what a user wants to know after the installation."""


def run(invocation: Invocation) -> int:
    """Install, uninstall or ask."""
    action, *words = invocation.parsed.positionals or [""]
    if action not in _FLAGS or (words and action != "install"):
        raise ServiceProblem(USAGE)
    given = invocation.parsed
    unfit = [*given.unknown, *(f"--{name}" for name in given.values if name not in _FLAGS[action])]
    if unfit:
        raise ServiceProblem(
            f"{unfit[0]} means nothing to `service {action}`, so nothing was done; options of start follow"
            " after --, as in `copilot-api service install -- --port 8080`"
        )
    profile = os.environ.get(PROFILE, "")
    manager = manager_of(_platform, invocation.home, "" if profile in NO_PROFILE else profile)
    if action == "install":
        return _install(invocation, manager, words)
    return _uninstall(invocation, manager) if action == "uninstall" else _status(invocation, manager)


def manager_of(platform: str, home: Path, profile: str) -> Manager:
    """Return the manager of this kind of system; each profile has a service of its own."""
    if platform == "darwin":
        from copilot_api.cli.service_launchd import Launchd

        return Launchd(home, profile)
    if platform == "win32":
        raise ServiceProblem(
            "services are not supported on Windows; let its Task Scheduler start the gateway when you log in:"
            f' schtasks /Create /TN copilot-api /SC ONLOGON /TR "\\"{sys.executable}\\" -m copilot_api start"'
        )
    from copilot_api.cli.service_systemd import Systemd

    return Systemd(home, profile)


def _install(invocation: Invocation, manager: Manager, options: list[str]) -> int:
    console, directory = invocation.console, data_directory(invocation.home)
    plan = _plan(options, directory)
    text = manager.text(plan)
    if invocation.flag("print"):
        console.plain(text.rstrip("\n"))
        return 0
    manager.check()
    before = _ours(manager.path, force=invocation.flag("force"))
    make_private(directory)
    if not plan.environment.exists():
        replace_private(plan.environment, _ENVIRONMENT)
    manager.path.parent.mkdir(parents=True, exist_ok=True)
    replace_private(manager.path, text)
    start = not invocation.flag("no_start")
    manager.install(start=start)
    if invocation.flag("json"):
        told = {"file": str(manager.path), "changed": before != text, "environment": str(plan.environment)}
        console.plain(json.dumps(told | _facts(manager.standing()), indent=2))
        return 0
    console.success(f"{'Installed' if before is None else 'Installed anew'}: {manager.path}")
    console.info(f"Its environment, for tokens, keys and proxies: {plan.environment}")
    if _is_passing(plan.command[0]):
        console.warn(
            f"{plan.command[0]} is in a place that is cleared now and then; install the program for good"
            " (pipx install, uv tool install) and run this again"
        )
    if not plan.signed_in:
        console.warn(
            "Nobody is signed in, and a service cannot ask: run `copilot-api auth`, then this again, or write"
            f" COPILOT_API_GITHUB_TOKEN=… into {plan.environment}"
        )
    for hint in manager.hints():
        console.info(hint)
    console.info("It is started" if start else "It starts when you log in next")
    return 0


def _plan(options: list[str], directory: Path) -> Plan:
    parsed = parse(options, start_flags())
    if wrong := [*parsed.unknown, *parsed.positionals]:
        raise ServiceProblem(f"copilot-api start has no {wrong[0]}")
    for name in _SECRETS:
        if name in parsed.values:
            raise ServiceProblem(
                f"--{name.replace('_', '-')} would stand in the unit, for others to read; write"
                f" COPILOT_API_{name.upper()}=… into {directory / ENVIRONMENT_FILE} instead"
            )
    for flag in start_flags():
        value = parsed.values.get(flag.field)
        if flag.metavar in ("FILE", "PATH") and isinstance(value, str) and not Path(value).is_absolute():
            raise ServiceProblem(
                f"--{flag.name}: a service starts elsewhere; write the whole path of {value}"
            )
    settings = load(parsed.values, {}, directory).settings
    if settings.manual or settings.claude_code:
        raise ServiceProblem("--manual and --claude-code ask at a terminal, and a service has none")
    profile = os.environ.get(PROFILE, "")
    own = ["--profile", profile] if profile not in NO_PROFILE else []
    # Nobody is there to enter a code.
    own += [] if settings.simulate else ["--no-sign-in"]
    environment = directory / ENVIRONMENT_FILE
    return Plan(
        (sys.executable, "-m", "copilot_api", "start", *own, *options),
        environment,
        _is_signed_in(settings, directory, environment),
        int(settings.drain_timeout) + 15,
    )


def _is_signed_in(settings: Settings, directory: Path, environment: Path) -> bool:
    if settings.simulate or settings.github_token or settings.github_token_file or settings.use_gh:
        return True
    lines = environment.read_text(encoding="utf-8").splitlines() if environment.exists() else []
    return store_of(settings, directory).exists() or any(line.startswith(_TOKENS) for line in lines)


def _uninstall(invocation: Invocation, manager: Manager) -> int:
    console = invocation.console
    there = _ours(manager.path, force=False) is not None
    if there:
        manager.uninstall()
    if invocation.flag("json"):
        console.plain(json.dumps({"file": str(manager.path), "removed": there}, indent=2))
    elif there:
        console.success(f"Stopped and removed: {manager.path}")
        environment = data_directory(invocation.home) / ENVIRONMENT_FILE
        if environment.exists():
            console.info(f"Left for a next time: {environment}")
    else:
        console.info(f"Nothing to remove: there is no {manager.path}")
    return 0


def _status(invocation: Invocation, manager: Manager) -> int:
    installed = manager.path.exists()
    try:
        manager.check()
        standing = manager.standing()
    except ServiceProblem as problem:
        if not installed:
            raise
        standing = Standing(True, False, False, f"unknown: {problem}")
    console = invocation.console
    if invocation.flag("json"):
        told = {"manager": manager.name, "file": str(manager.path), **_facts(standing)}
        console.plain(json.dumps(told, indent=2))
    elif not installed:
        console.info("Not installed; `copilot-api service install` does that")
    else:
        process = f", process {standing.pid}" if standing.pid else ""
        console.plain(f"{manager.name}: {standing.state}{process}")
        console.plain(f"starts at log-in: {'yes' if standing.enabled else 'no'}")
        console.plain(f"file: {manager.path}")
    return 0 if standing.running else _NOT_RUNNING


def _ours(path: Path, *, force: bool) -> str | None:
    """Return what is there already, None for nothing. Raises :class:`ServiceProblem` for another's file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    if MARK not in text and not force:
        raise ServiceProblem(f"{path} was not written by this program, so it is left alone; move it away")
    return text


def _is_passing(program: str) -> bool:
    parts = Path(program).parts
    return any(part in ("archive-v0", ".cache", "cache", "tmp") for part in parts)


def _facts(standing: Standing) -> dict[str, Any]:
    return {
        "installed": standing.installed,
        "running": standing.running,
        "enabled": standing.enabled,
        "state": standing.state,
        "pid": standing.pid,
    }


def ask(*words: str) -> tuple[int, str]:
    """Run a manager's own program. Returns its exit code, 127 where there is none, and what it said."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - a manager's own program with our words
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"LC_ALL": "C"},
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
    except FileNotFoundError:
        return 127, f"there is no {words[0]}"
    except subprocess.TimeoutExpired:
        return 124, f"{words[0]} did not end within two minutes"
    return done.returncode, " ".join(done.stdout.split())


def must(*words: str) -> None:
    """Run a manager's own program. Raises :class:`ServiceProblem` when it fails."""
    code, said = ask(*words)
    if code:
        raise ServiceProblem(f"{' '.join(words)} failed: {said or f'exit code {code}'}")
