"""What ``copilot-api migrate`` looks for: the traces of 0.7.0, of its forks, and of who starts them.

Read only, and only files: no program is asked, nothing is sent. The forks' files are those of
caozhiyuan/copilot-api and of those made from it: ``config.json``, ``tokens/`` and ``accounts-registry.json``
in the data directory, which ``COPILOT_API_HOME`` may move.
"""

from __future__ import annotations

import json
import os
import plistlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from copilot_api.cli.service import MARK
from copilot_api.http.guard import is_loopback
from copilot_api.records import record
from copilot_api.redaction import Secret

FORK_HOME = "COPILOT_API_HOME"
FORK_HOST = "COPILOT_API_ENTERPRISE_URL"
FORK_KEY = "COPILOT_API_KEY"
_PACKAGES = ("copilot-api", "@nick3/copilot-api", "@jeffreycao/copilot-api", "@caozhiyuan/copilot-api")
_RUNTIME = re.compile(r"\b(?:npx|npm|node|bun|bunx|pnpm|deno)\b|copilot-api@|copilot-api/dist/")
_MOUNT = "/.local/share/copilot-api"
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_LARGEST = 4 * 1024 * 1024
_NO_PART = (
    ("smallModel", "small requests are left on the client's model; `--alias` renames one for all"),
    ("extraPrompts", "no prompt is added to what a client sends"),
    ("providers", "this gateway speaks to Copilot alone"),
    ("modelReasoningEfforts", "the client chooses the effort"),
    ("anthropicApiKey", "tokens are counted here, nothing is sent elsewhere"),
    ("claudeTokenMultiplier", "counts come from the tokenizer as they are"),
)
"""Members of a fork's config.json that have nothing like them here, and what holds instead."""


@record
class Finding:
    """One thing that was found. `advice` says what becomes of it, or what to do."""

    kind: str
    place: str
    detail: str
    advice: str


class Found:
    """All that was found, and what can be carried over."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.aliases: dict[str, str] = {}
        self.keys: list[Secret] = []
        self.host = ""
        self.token: tuple[Path, Secret] | None = None
        """A token in another place than this program's."""

    def add(self, kind: str, place: object, detail: str, advice: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(kind, str(place), detail, advice))


def look(home: Path, directory: Path, environ: Mapping[str, str], work: Path) -> Found:
    """Look into a home and the current directory; `directory` is this program's data directory."""
    found = Found()
    _data(found, directory, own=True)
    moved = environ.get(FORK_HOME)
    if moved and Path(moved).expanduser() != directory:
        _data(found, Path(moved).expanduser(), own=False)
    _environment(found, environ)
    _packages(found, home, environ)
    _starters(found, home)
    _containers(found, work)
    _claude(found, home, environ)
    return found


def _data(found: Found, directory: Path, *, own: bool) -> None:
    token = (_text(directory / "github_token") or "").strip()
    if token and own:
        found.add("token", directory / "github_token", "a GitHub token", "used as it is: you stay signed in")
    elif token:
        found.token = (directory / "github_token", Secret(token))
        found.add(
            "token", directory / "github_token", "a GitHub token", "can be copied to where this program looks"
        )
    accounts = sorted(path.name.removeprefix("github_") for path in directory.glob("tokens/github_*"))
    if accounts:
        found.add(
            "accounts",
            directory / "tokens",
            f"{len(accounts)} accounts of a fork: {', '.join(accounts)}",
            "one account serves a gateway here; sign in to each with `copilot-api auth --profile NAME`",
        )
    path = directory / "config.json"
    text = _text(path)
    if text is not None and text.strip():
        _fork_config(found, path, text)


def _fork_config(found: Found, path: Path, text: str) -> None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        found.add("config", path, "a fork's settings that are no JSON object", "left alone")
        return
    auth = value.get("auth")
    listed = auth.get("apiKeys") if isinstance(auth, dict) else None
    keys = [*(listed if isinstance(listed, list) else ()), value.get("apiKey")]
    good = [key.strip() for key in keys if isinstance(key, str) and key.strip()]
    found.keys += [Secret(key) for key in dict.fromkeys(good)]
    if good:
        found.add("keys", path, f"{len(set(good))} client keys of a fork", "can be carried over")
    for member in ("modelAliases", "modelMappings", "modelMapping"):
        mapping = value.get(member)
        if isinstance(mapping, dict):
            found.aliases |= _aliases(mapping)
    if found.aliases:
        shown = ", ".join(f"{name} = {model}" for name, model in found.aliases.items())
        found.add("aliases", path, f"model names of a fork: {shown}"[:500], "can be carried over")
    for member, instead in _NO_PART:
        if value.get(member):
            found.add("setting", path, f"{member} of a fork", f"has no counterpart: {instead}")


def _aliases(mapping: dict[str, Any]) -> dict[str, str]:
    """Return names and models; a fork writes the model alone or as an object with a target."""
    targets = {
        name.strip(): target.get("target") if isinstance(target, dict) else target
        for name, target in mapping.items()
    }
    return {
        name: target.strip()
        for name, target in targets.items()
        if name and "=" not in name and isinstance(target, str) and target.strip()
    }


def _environment(found: Found, environ: Mapping[str, str]) -> None:
    if environ.get(FORK_HOST):
        found.host = re.sub(r"^https?://|/+$", "", environ[FORK_HOST])
        found.add("variable", f"${FORK_HOST}", f"an enterprise host, {found.host}", "can be carried over")
    if environ.get(FORK_KEY):
        found.add(
            "variable",
            f"${FORK_KEY}",
            "a client key of a fork",
            "the gateway itself reads COPILOT_API_API_KEY; commands that ask one read this variable",
        )


def _packages(found: Found, home: Path, environ: Mapping[str, str]) -> None:
    for name in _PACKAGES:
        for path in sorted(home.glob(f".npm/_npx/*/node_modules/{name}/package.json")):
            version = _version(path)
            found.add("npx", path.parent, f"{name} {version} in npx's cache", "not used by this program")
    for folder in environ.get("PATH", "").split(os.pathsep):
        program = Path(folder) / "copilot-api"
        head = _text(program, 200) if folder else None
        if head is None:
            continue
        if "node" in head.partition("\n")[0] or "bun" in head.partition("\n")[0]:
            found.add(
                "program",
                program,
                "the npm program of the same name, first in PATH",
                "remove it (`npm uninstall -g copilot-api`), or it goes on being what `copilot-api` starts",
            )
        return


def _version(path: Path) -> str:
    try:
        value = json.loads(_text(path) or "")
    except ValueError:
        return ""
    return str(value.get("version", "")) if isinstance(value, dict) else ""


def _starters(found: Found, home: Path) -> None:
    for folder in (home / ".config/systemd/user", Path("/etc/systemd/system")):
        for path in sorted(folder.glob("*.service")):
            text = _text(path) or ""
            started = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]
            if MARK not in text and any(_starts_it(line) for line in started):
                found.add(
                    "systemd",
                    path,
                    "a unit that starts the npm program",
                    "disable it, then `copilot-api service install`, with the same options behind --",
                )
    for name, arguments in _processes_of_pm2(home):
        found.add(
            "pm2",
            home / ".pm2/dump.pm2",
            f"PM2 starts {name}",
            f"`pm2 delete {name}`, then `copilot-api service install{arguments}`",
        )
    for path in sorted(home.glob("Library/LaunchAgents/*.plist")):
        try:
            value = plistlib.loads(path.read_bytes())
        except (OSError, ValueError, plistlib.InvalidFileException):
            continue
        words = value.get("ProgramArguments") if isinstance(value, dict) else None
        if isinstance(words, list) and _starts_it(" ".join(map(str, words))):
            found.add(
                "launchd",
                path,
                "an agent that starts the npm program",
                "unload it, then `copilot-api service install`",
            )


def _starts_it(line: str) -> bool:
    return "copilot-api" in line and _RUNTIME.search(line) is not None


def _processes_of_pm2(home: Path) -> Iterator[tuple[str, str]]:
    try:
        listed = json.loads(_text(home / ".pm2/dump.pm2") or "[]")
    except ValueError:
        return
    for process in listed if isinstance(listed, list) else ():
        if not isinstance(process, dict):
            continue
        given = process.get("args")
        words = [str(word) for word in given] if isinstance(given, list) else str(given or "").split()
        if "copilot-api" in " ".join([str(process.get("pm_exec_path")), str(process.get("name")), *words]):
            options = words[words.index("start") + 1 :] if "start" in words else []
            yield str(process.get("name") or "copilot-api"), f" -- {' '.join(options)}" if options else ""


def _containers(found: Found, work: Path) -> None:
    for name in _COMPOSE:
        if _MOUNT in (_text(work / name) or ""):
            found.add(
                "compose",
                work / name,
                "a service with the data of copilot-api mounted",
                "port, mount point and GH_TOKEN stay; it needs a client key, and makes one at first start",
            )
    data = work / "copilot-data"
    if (_text(data / "github_token") or "").strip():
        found.add("volume", data, "a container's data", "mount it at the same place: it is used as it is")


def _claude(found: Found, home: Path, environ: Mapping[str, str]) -> None:
    path = Path(environ.get("CLAUDE_CONFIG_DIR") or home / ".claude") / "settings.json"
    try:
        value = json.loads(_text(path) or "{}")
    except ValueError:
        return
    variables = value.get("env") if isinstance(value, dict) else None
    url = variables.get("ANTHROPIC_BASE_URL") if isinstance(variables, dict) else None
    if not isinstance(variables, dict) or not isinstance(url, str):
        return
    parts = urlsplit(url)
    if not parts.hostname or not (parts.port == 4141 or is_loopback(parts.hostname)):
        return
    token = variables.get("ANTHROPIC_AUTH_TOKEN") or variables.get("ANTHROPIC_API_KEY")
    advice = "works as it is"
    if not is_loopback(parts.hostname):
        advice = "this gateway listens on its own machine only: there, start it with --host and a key"
    elif found.keys and token not in [key.reveal() for key in found.keys]:
        advice = "once keys are carried over its token is refused: `copilot-api setup claude --key KEY`"
    found.add("client", path, f"Claude Code asks {url}", advice)


def _text(path: Path, most: int = _LARGEST) -> str | None:
    """Return the text of a file, at most its beginning; None when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return None
