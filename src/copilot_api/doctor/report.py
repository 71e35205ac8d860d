"""What can go with an issue: facts about the program, none about its user, nothing that opens anything.

Two nets: only what is listed here gets in at all, and the whole text is then searched for secrets, and for
what names the user, the machine, the account or the company.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from copilot_api.doctor.credential import sources_of
from copilot_api.doctor.examination import Examination
from copilot_api.doctor.situation import Situation
from copilot_api.engine.flags import describe
from copilot_api.engine.reference.proxies import choose
from copilot_api.github.credentials import CredentialProblem
from copilot_api.redaction import Secret, one_line, redact
from copilot_api.settings import option_fields
from copilot_api.version import VERSION

LINES = 200
"""Log lines that go in, the last ones."""
_LONGEST_LINE = 500
_METRICS = ("copilot_api_failures_total", "copilot_api_upstream_", "copilot_api_component_")
_PERSONAL = ("public_host", "trusted_proxy", "cors_origin", "budget")
"""Options whose values name people, machines or sums: only how many there are is told."""
_SHORTEST_NAME = 3
_REQUEST_LINE = re.compile(r"(?:<--|-->) [A-Z]+ [^ ?]*(\?\S*)")
_LOGIN = re.compile(r"(?<=Logged in as )\S+")
_CODE = re.compile(r'(?<=enter the code )"[^"]*"')
_ISSUER = re.compile(r"(?<=signed by ).*(?=, whom)")
_EVERYBODYS = frozenset({"root", "admin", "user", "nobody", "copilot", "copilot-api", "github", "localhost"})
"""Names that name nobody."""


def make_report(situation: Situation, examination: Examination, log: Path | None) -> dict[str, Any]:
    """Return the report as plain values. `log` is a file that the program's output went to."""
    told: dict[str, Any] = {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": _versions(),
        "engine": {
            state.name: f"{state.implementation} ({state.reason})" for state in describe(situation.settings)
        },
        "doctor": [
            each.as_members() | {"says": _ISSUER.sub("<issuer>", each.says)} for each in examination.findings
        ],
        "settings": list(_settings(situation)),
        "gateway": _gateway(examination),
        "log": None if log is None else _log(log),
    }
    accounts = {name for line in told["log"] or () for name in _LOGIN.findall(line)}
    cleaned: dict[str, Any] = _Cleaner(situation, accounts).cleaned(told)
    return cleaned


def contents(report: dict[str, Any]) -> list[str]:
    """Return in words what a report holds."""
    gateway = report["gateway"]
    running = f"{len(gateway['counters'])} counters of the running gateway" if gateway else "no gateway runs"
    log = (
        f"the last {len(report['log'])} lines of the log"
        if report["log"] is not None
        else "no log (--log FILE)"
    )
    return [
        "versions of the program, Python and the system",
        f"which engine runs, by component ({len(report['engine'])})",
        f"what the doctor finds ({len(report['doctor'])} results)",
        f"options that differ from their defaults ({len(report['settings'])}), without secrets",
        running,
        log,
    ]


def _versions() -> dict[str, str]:
    return {
        "copilot-api": VERSION,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
    }


def _settings(situation: Situation) -> Iterator[dict[str, Any]]:
    for option in option_fields():
        value = getattr(situation.settings, option.name)
        if value == option.default:
            continue
        if option.name in _PERSONAL:
            shown = f"{len(value)} values"
        elif isinstance(value, tuple):
            shown = ", ".join(str(each) for each in value)
        else:
            shown = str(value)
        yield {
            "option": option.name.replace("_", "-"),
            "value": shown,
            "from": situation.origins.get(option.name, ""),
        }


def _gateway(examination: Examination) -> dict[str, Any] | None:
    answer = examination.answer
    if answer is None:
        return None
    lines = answer.metrics.splitlines()
    return {"health": answer.health, "counters": [line for line in lines if line.startswith(_METRICS)]}


def _log(path: Path) -> list[str]:
    """Return the last lines, without what a URL asks for. Raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        last = deque(file, LINES)
    return [one_line(_REQUEST_LINE.sub(_without_query, line.rstrip("\n")))[:_LONGEST_LINE] for line in last]


def _without_query(found: re.Match[str]) -> str:
    return found[0].removesuffix(found[1])


class _Cleaner:
    """Takes out of texts what belongs to the user."""

    def __init__(self, situation: Situation, accounts: set[str]) -> None:
        self._secrets = tuple(_secrets(situation))
        pairs = [*((name, "<account>") for name in accounts), *_names(situation)]
        names = {
            name: by for name, by in pairs if len(name) >= _SHORTEST_NAME and name.lower() not in _EVERYBODYS
        }
        # The longest first: the path of a home holds the name of its user.
        ordered = sorted(names, key=len, reverse=True)
        words = [rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" for name in ordered]
        self._names = re.compile("|".join(words), re.IGNORECASE) if words else None
        self._by = {name.lower(): by for name, by in names.items()}

    def cleaned(self, value: Any) -> Any:
        """Return a value without them; keys of objects are the program's own, and stay."""
        if isinstance(value, dict):
            return {key: self.cleaned(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.cleaned(each) for each in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        text = _CODE.sub('"<code>"', redact(text, self._secrets))
        if self._names is not None:
            text = self._names.sub(lambda found: self._by[found[0].lower()], text)
        return text


def _secrets(situation: Situation) -> Iterator[Secret]:
    """Give every secret that is known here, so that it is found by its value whatever it looks like."""
    settings = situation.settings
    yield from settings.api_key
    yield from [settings.shared] if settings.shared else ()
    with contextlib.suppress(CredentialProblem):
        yield from (each.token for each in sources_of(situation) if each.token is not None)
    if settings.api_key_file:
        try:
            text = Path(settings.api_key_file).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return
        yield from (Secret(line.strip()) for line in text.splitlines() if line.strip())


def _names(situation: Situation) -> Iterator[tuple[str, str]]:
    """Give what names the user, the machine or the company, and what stands in its place."""
    yield str(Path.cwd()), "<directory>"
    yield str(situation.home), "<home>"
    for variable in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        yield situation.environ.get(variable, ""), "<user>"
    yield _account(), "<user>"
    yield situation.home.name, "<user>"
    machine = socket.gethostname()
    yield machine, "<machine>"
    yield machine.partition(".")[0], "<machine>"
    settings = situation.settings
    if settings.github_host:
        yield settings.github_host, "<tenant>.ghe.com"
    if settings.profile:
        yield settings.profile, "<profile>"
    for url in (settings.github_url, settings.github_api_url, settings.copilot_url or settings.github_url):
        proxy = choose(url, situation.environ)
        yield _host_of(proxy or ""), "<proxy>"
    yield _host_of(settings.shared.reveal() if settings.shared else ""), "<store>"
    for name in settings.public_host:
        yield name, "<host>"


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _account() -> str:
    if sys.platform == "win32":
        return ""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def as_text(report: dict[str, Any]) -> str:
    """Return the text of the file."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
