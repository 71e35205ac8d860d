"""The gateway as a unit of systemd's user manager."""

from __future__ import annotations

import os
from pathlib import Path

from copilot_api.cli.service import MARK, Plan, ServiceProblem, Standing, ask, must
from copilot_api.version import VERSION

NOT_SIGNED_IN = 4
"""The exit code of a start that may not sign in; trying again would not help."""
_RUNNING = ("active", "reloading", "activating")

_TEXT = """\
# {mark} ({version}); `copilot-api service uninstall` removes it.
# Changes of your own: systemctl --user edit {unit}
[Unit]
Description=copilot-api, GitHub Copilot for OpenAI and Anthropic clients
# A configuration that cannot be used must not be tried for ever.
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
EnvironmentFile=-{environment}
Environment=NO_COLOR=1 PYTHONUNBUFFERED=1
WorkingDirectory=%h
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={not_signed_in}
# Streams that run are given their time to end.
TimeoutStopSec={stop}
KillMode=mixed
LimitNOFILE=65536:524288
# What a user's own unit may restrict without namespaces, which many systems do not give to users.
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""


class Systemd:
    """See :class:`copilot_api.cli.service.Manager`."""

    name = "systemd"

    def __init__(self, home: Path, profile: str) -> None:
        base = os.environ.get("XDG_CONFIG_HOME") or home / ".config"
        self._unit = f"copilot-api-{profile}.service" if profile else "copilot-api.service"
        self.path = Path(base) / "systemd" / "user" / self._unit

    def text(self, plan: Plan) -> str:
        """Return the unit."""
        return _TEXT.format(
            mark=MARK,
            version=VERSION,
            unit=self._unit,
            not_signed_in=NOT_SIGNED_IN,
            command=" ".join(map(_word, plan.command)),
            environment=str(plan.environment).replace("%", "%%"),
            stop=plan.stop_seconds,
        )

    def check(self) -> None:
        """Raise where no user manager answers, as in containers."""
        code, said = ask("systemctl", "--user", "show-environment")
        if code == 127:
            raise ServiceProblem(
                "this system has no systemd, so nothing would keep the service running; have what starts your"
                " programs run `copilot-api start` (in a container that is its restart policy)"
            )
        if code:
            raise ServiceProblem(
                "no systemd user manager answers here (as in containers, and under su or sudo): log in as"
                f" yourself, or look at the unit with `copilot-api service install --print` ({said})"
            )

    def install(self, *, start: bool) -> None:
        """Enable the unit; one that runs already is started anew, with what the unit says now."""
        must("systemctl", "--user", "daemon-reload")
        must("systemctl", "--user", "enable", self._unit)
        if start:
            # One that gave up may try again.
            ask("systemctl", "--user", "reset-failed", self._unit)
            must("systemctl", "--user", "restart", self._unit)

    def uninstall(self) -> None:
        """Stop, disable and remove the unit."""
        self.check()
        must("systemctl", "--user", "disable", "--now", self._unit)
        self.path.unlink()
        must("systemctl", "--user", "daemon-reload")

    def standing(self) -> Standing:
        """Ask how the unit stands."""
        names = "LoadState,ActiveState,SubState,UnitFileState,MainPID"
        code, said = ask("systemctl", "--user", "show", self._unit, f"--property={names}")
        if code:
            raise ServiceProblem(f"systemctl --user show {self._unit} failed: {said}")
        found = dict(each.partition("=")[::2] for each in said.split())
        active, pid = found.get("ActiveState", ""), found.get("MainPID", "0")
        return Standing(
            found.get("LoadState") == "loaded" and self.path.exists(),
            active in _RUNNING,
            found.get("UnitFileState", "").startswith("enabled"),
            f"{active} ({found.get('SubState', '')})",
            int(pid) if pid.isdigit() and pid != "0" else None,
        )

    def hints(self) -> tuple[str, ...]:
        """Say where its log is, and how it runs without a log-in."""
        return (
            f"Its log: journalctl --user --unit {self._unit} --follow",
            "It runs while you are logged in; for ever with: loginctl enable-linger",
        )


def _word(text: str) -> str:
    """Return a word as units have them: nothing in it means anything to systemd."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(character in plain for character in " \t'\"\\;") or not plain else plain
