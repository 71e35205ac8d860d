"""A gateway of one's own for the time that a client runs: started, waited for, stopped."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from copilot_api.clients.base import SetupProblem
from copilot_api.configuration import is_boolean, is_list
from copilot_api.private_files import make_private
from copilot_api.redaction import Secret
from copilot_api.settings import Settings, option_fields

_LISTENING = re.compile(r"Listening on: (https?://[^/]*:\d+)/")
_SIGN_IN = "Please enter the code"
_ERROR = re.compile(r"^ ?(?:ERROR |\[error\]) *(.+)", re.MULTILINE)
_QUIET = ("TEST", "NODE_ENV", "CI", "DEBUG", "CONSOLA_LEVEL")
"""What would change what the child says, which is read."""
_PATIENCE = 120.0
_STOPPING = 10.0
_LOGS_KEPT = 10
_STEP = 0.05


class ChildGateway:
    """A gateway as a child process; use :func:`child_gateway`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, key: Secret, *, simulated: bool) -> None:
        self._process = process
        self._simulated = simulated
        self.log = log
        self.key = key
        self.url = ""

    def wait_until_ready(self, say: Callable[[str], None], *, may_sign_in: bool) -> None:
        """Return when it serves. `say` tells the user how to sign in. Raises :class:`SetupProblem`."""
        begun = time.monotonic()
        signing_in = False
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            while True:
                code = self._process.poll()
                for line in _new_lines(lines):
                    if found := _LISTENING.search(line):
                        self.url = found.group(1)
                        return
                    if _SIGN_IN in line and not self._simulated:
                        if not may_sign_in:
                            raise SetupProblem(
                                "nobody is signed in, and there is no terminal to do it at: run `copilot-api"
                                " auth` first, or set GH_TOKEN"
                            )
                        signing_in = True
                        say(line[line.index(_SIGN_IN) :].strip())
                if code is not None:
                    raise SetupProblem(self._why_it_ended(code))
                if time.monotonic() - begun > _PATIENCE and not signing_in:
                    raise SetupProblem(f"the gateway was not ready in {_PATIENCE:.0f} s; see {self.log}")
                time.sleep(_STEP)

    def has_ended(self) -> int | None:
        """Return the exit code of a gateway that ended by itself."""
        return self._process.poll()

    def stop(self) -> None:
        """End its standard input, by which it stops; kill it when it takes too long."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _why_it_ended(self, code: int) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        said = _ERROR.findall(text)
        return said[-1].strip() if said else f"the gateway ended with exit code {code}; see {self.log}"


def _new_lines(lines: TextIO) -> Iterator[str]:
    """Yield the whole lines that were written since; one that is not finished waits."""
    while True:
        at = lines.tell()
        line = lines.readline()
        if not line.endswith("\n"):
            lines.seek(at)
            return
        yield line


@contextlib.contextmanager
def child_gateway(
    given: Mapping[str, Any], settings: Settings, directory: Path, *, port: int
) -> Iterator[ChildGateway]:
    """Start a gateway with the options that were given, and stop it at the end of the block.

    It wants a key that only this process knows, unless the user has keys among the options.
    """
    key = settings.api_key[0] if settings.api_key else Secret(f"cak_{secrets.token_urlsafe(24)}")
    environment = {name: value for name, value in os.environ.items() if name not in _QUIET}
    environment |= {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    if not settings.api_key or "api_key" in given:
        keys = settings.api_key or (key,)
        environment["COPILOT_API_API_KEY"] = ",".join(each.reveal() for each in keys)
    for name in given:
        value = getattr(settings, name, None)
        if isinstance(value, Secret):
            environment[f"COPILOT_API_{name.upper()}"] = value.reveal()
    # What it says is read here.
    told = {**given, "port": str(port), "log_format": "text"}
    options = [*words(told, settings), *_on_this_machine(given, settings)]
    log = _new_log(directory)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this program, with options that were checked
            [sys.executable, "-m", "copilot_api.cli.attended", "start", *options],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            # Ctrl-C at the terminal is for the client: this one stays until the client is gone.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    child = ChildGateway(process, log, key, simulated=settings.simulate)
    try:
        yield child
    finally:
        child.stop()


def words(given: Mapping[str, Any], settings: Settings) -> list[str]:
    """Return options as they are written on a command line; secrets have no place there."""
    found = []
    for option in option_fields():
        if option.name not in given or _is_secret(getattr(settings, option.name)):
            continue
        value = given[option.name]
        flag = option.name.replace("_", "-")
        if is_boolean(option):
            found.append(f"--{flag}" if value else f"--no-{flag}")
        elif is_list(option.name):
            found += [f"--{flag}={item}" for item in value]
        else:
            found.append(f"--{flag}={value}")
    return found


def _is_secret(value: Any) -> bool:
    return isinstance(value[0] if isinstance(value, tuple) and value else value, Secret)


def _on_this_machine(given: Mapping[str, Any], settings: Settings) -> list[str]:
    """One client needs no gateway that others on the network reach, whatever the configuration says."""
    return ["--host=localhost"] if settings.host is not None and "host" not in given else []


def _new_log(directory: Path) -> Path:
    folder = directory / "logs"
    make_private(folder)
    old = sorted(folder.glob("run-*.log"))
    for each in old[: max(0, len(old) - _LOGS_KEPT + 1)]:
        with contextlib.suppress(OSError):
            each.unlink()
    log = folder / f"run-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    log.touch(mode=0o600)
    return log
