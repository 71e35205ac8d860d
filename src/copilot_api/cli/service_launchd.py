"""The gateway as an agent of launchd, on macOS."""

from __future__ import annotations

import os
import plistlib
import re
from pathlib import Path

from copilot_api.cli.service import MARK, Plan, ServiceProblem, Standing, ask, must
from copilot_api.version import VERSION

LABEL = "io.github.copilot-api"
_NO_SUCH_SERVICE = 113
# launchd reads no file of environment variables; the shell does, and then becomes the program.
_WITH_ENVIRONMENT = 'set -a; [ -r "$0" ] && . "$0"; set +a; exec "$@"'


class Launchd:
    """See :class:`copilot_api.cli.service.Manager`."""

    name = "launchd"

    def __init__(self, home: Path, profile: str) -> None:
        self._label = f"{LABEL}.{profile}" if profile else LABEL
        self.path = home / "Library" / "LaunchAgents" / f"{self._label}.plist"
        self._log = home / "Library" / "Logs" / f"copilot-api{profile and '-'}{profile}.log"

    def text(self, plan: Plan) -> str:
        """Return the property list."""
        agent = {
            "Label": self._label,
            "ProgramArguments": [
                "/bin/sh",
                "-c",
                _WITH_ENVIRONMENT,
                str(plan.environment),
                *plan.command,
            ],
            "EnvironmentVariables": {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
            "ExitTimeOut": plan.stop_seconds,
            "Umask": 0o077,
            "ProcessType": "Interactive",
            "SoftResourceLimits": {"NumberOfFiles": 65536},
            "StandardOutPath": str(self._log),
            "StandardErrorPath": str(self._log),
        }
        text = plistlib.dumps(agent, sort_keys=False).decode("utf-8")
        head, middle, rest = text.partition("<plist")
        return (
            f"{head}<!-- {MARK} ({VERSION}); `copilot-api service uninstall` removes it. -->\n{middle}{rest}"
        )

    def check(self) -> None:
        """Raise where the user has no graphical session, which agents belong to."""
        code, said = ask("launchctl", "print", self._domain)
        if code:
            raise ServiceProblem(
                "launchd has no session of yours here (as over ssh): log in at the screen, or look at the"
                f" agent with `copilot-api service install --print` ({said[:200]})"
            )

    def install(self, *, start: bool) -> None:
        """Load the agent anew; without `start` launchd finds the file at the next log-in."""
        self._unload()
        if start:
            must("launchctl", "bootstrap", self._domain, str(self.path))

    def uninstall(self) -> None:
        """Unload the agent, which stops it, and remove it."""
        self._unload()
        self.path.unlink()

    def standing(self) -> Standing:
        """Ask how the agent stands."""
        installed = self.path.exists()
        code, said = ask("launchctl", "print", self._service)
        if code:
            return Standing(installed, False, installed, "not loaded")
        state = re.search(r"\bstate = ([a-z ]+?)(?= \w+ =|$)", said)
        pid = re.search(r"\bpid = (\d+)", said)
        words = state.group(1) if state else "loaded"
        return Standing(installed, pid is not None, installed, words, int(pid.group(1)) if pid else None)

    def hints(self) -> tuple[str, ...]:
        """Say where its log is."""
        return (f"Its log: {self._log}",)

    @property
    def _domain(self) -> str:
        return f"gui/{os.getuid()}"

    @property
    def _service(self) -> str:
        return f"{self._domain}/{self._label}"

    def _unload(self) -> None:
        code, said = ask("launchctl", "bootout", self._service)
        if code not in (0, 3, _NO_SUCH_SERVICE) and "No such process" not in said:
            raise ServiceProblem(f"launchctl bootout {self._service} failed: {said}")
