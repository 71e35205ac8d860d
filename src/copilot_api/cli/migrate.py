"""``copilot-api migrate``: what of 0.7.0 and its forks is here, what differs, what can be carried over."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from copilot_api.cli.config import change_file
from copilot_api.cli.config_file import with_value
from copilot_api.cli.main import Invocation
from copilot_api.cli.migrate_finding import Found, look
from copilot_api.configuration import CONFIG_FILE
from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.private_files import make_private, replace_private
from copilot_api.records import record

PAGE = "docs/migration.md"
DIFFERENCES = (
    (
        "clients on other machines or in other containers",
        "the gateway listens on this machine only",
        (
            "`--host 0.0.0.0 --api-key KEY` (or `--no-auth`, if everybody on that network may spend your"
            " quota); names other than addresses also need `--public-host NAME`"
        ),
    ),
    ("a web page of another site calling the gateway", "refused", "`--cors-origin https://that.site`"),
    (
        "a container without any key",
        "it makes a key at first start and prints it",
        "give clients that key, or set `COPILOT_API_API_KEY`",
    ),
)
"""What may need a hand: what somebody had, what holds now, what to do. As in docs/migration.md."""


@record
class Change:
    """One thing to write; `carry` writes it."""

    what: str
    path: Path
    carry: Callable[[], None]


def run(invocation: Invocation) -> int:
    """Show, ask, carry over; 1 when something could be carried over and was not agreed to."""
    directory = data_directory(invocation.home)
    found = look(invocation.home, directory, os.environ, Path.cwd())
    changes = _changes(invocation, found, directory)
    as_json = invocation.flag("json")
    if not as_json:
        invocation.console.plain(_shown(found, changes))
    done = False
    if changes and not invocation.flag("dry_run") and _agreed(invocation):
        for change in changes:
            change.carry()
        done = True
        if not as_json:
            invocation.console.success("Carried over. Nothing of the old program was changed")
    if as_json:
        invocation.console.plain(json.dumps(_told(found, changes, done=done), indent=2, ensure_ascii=False))
    return 0 if done or not changes or invocation.flag("dry_run") else 1


def _changes(invocation: Invocation, found: Found, directory: Path) -> list[Change]:
    path = directory / CONFIG_FILE
    changes = []
    settings = _settings(path)
    kept = _names(settings)
    aliases = [f"{name}={model}" for name, model in found.aliases.items() if name.lower() not in kept]
    if aliases:
        whole = [*_list(settings.get("alias")), *aliases]
        changes.append(
            _option(invocation, path, ("alias",), whole, f"model names {', '.join(aliases)}"[:500])
        )
    had = _list(settings.get("api_key", settings.get("api-key")))
    keys = [key.reveal() for key in found.keys if key.reveal() not in had]
    if keys:
        what = f"{len(keys)} client keys; from then on every request needs one"
        changes.append(_option(invocation, path, ("api_key", "api-key"), [*had, *keys], what))
    if found.host and not ({"github_host", "github-host"} & set(settings)):
        spellings = ("github_host", "github-host")
        changes.append(_option(invocation, path, spellings, found.host, f"enterprise host {found.host}"))
    file = TokenFile(directory)
    if found.token is not None and not file.exists():
        source, token = found.token

        def carry() -> None:
            file.write(token)

        changes.append(Change(f"the GitHub token of {source}", file.path, carry))
    return changes


def _option(invocation: Invocation, path: Path, spellings: tuple[str, ...], value: Any, what: str) -> Change:
    def carry() -> None:
        _keep_copy(path)
        change_file(invocation, lambda text: with_value(text, spellings, value))

    return Change(what, path, carry)


def _keep_copy(path: Path) -> None:
    """Keep the config file as it was before the first change."""
    copy = path.with_name(f"{path.name}.before-migrate")
    if path.exists() and not copy.exists():
        make_private(path.parent)
        replace_private(copy, path.read_text(encoding="utf-8"))


def _settings(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        # What it says must be known before something is added.
        from copilot_api.configuration import ConfigurationError

        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def _names(settings: dict[str, Any]) -> set[str]:
    table = settings.get("aliases")
    pairs = [pair.partition("=")[0].strip().lower() for pair in _list(settings.get("alias"))]
    return {*pairs, *(name.lower() for name in (table if isinstance(table, dict) else ()))}


def _list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(each) for each in value] if isinstance(value, list) else []


def _shown(found: Found, changes: list[Change]) -> str:
    lines = ["Found:"] if found.findings else ["Nothing of 0.7.0 or its forks was found here."]
    for finding in found.findings:
        lines += [f"  {finding.place}", f"    {finding.detail}: {finding.advice}"]
    lines += ["", "What may need a hand:"]
    for had, now, remedy in DIFFERENCES:
        lines += [f"  you had {had}", f"    now: {now}", f"    do:  {remedy.replace('`', '')}"]
    lines += [f"  Every difference, with its reason: {PAGE}", ""]
    lines += ["Can be carried over:"] if changes else ["There is nothing to carry over."]
    lines += [f"  {change.what} -> {change.path}" for change in changes]
    return "\n".join(lines)


def _told(found: Found, changes: list[Change], *, done: bool) -> dict[str, Any]:
    return {
        "found": [
            {"kind": each.kind, "place": each.place, "detail": each.detail, "advice": each.advice}
            for each in found.findings
        ],
        "differences": [{"had": had, "now": now, "do": remedy} for had, now, remedy in DIFFERENCES],
        "changes": [{"what": each.what, "path": str(each.path)} for each in changes],
        "done": done,
    }


def _agreed(invocation: Invocation) -> bool:
    if invocation.flag("yes"):
        return True
    if not sys.stdin.isatty() or invocation.flag("json"):
        invocation.console.error("Nothing was written. Run it again with --yes to carry this over")
        return False
    sys.stdout.write("? Carry this over? (y/N) ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    invocation.console.info("Nothing was written")
    return False
