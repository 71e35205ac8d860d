"""``copilot-api setup``: write the gateway into a client's configuration, and take it out again."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from copilot_api.cli.asking import link_to, reach
from copilot_api.cli.gateway_client import GatewayLink, GatewayProblem, WantsKey
from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
from copilot_api.cli.run import given_key
from copilot_api.cli.tables import aligned
from copilot_api.clients import CLIENTS, client_named
from copilot_api.clients.base import Choice, Client, Facts, Place, SetupProblem, Target, here
from copilot_api.clients.checks import split
from copilot_api.clients.choosing import Find, choose
from copilot_api.clients.configuring import Step, carry_out, plan, plan_undo, undo
from copilot_api.clients.journal import Entry, Journal, digest, read_bytes
from copilot_api.configuration import Configuration, load
from copilot_api.gateway.catalog import Model
from copilot_api.github.credentials import data_directory
from copilot_api.redaction import MASK, Secret, redact
from copilot_api.settings import Settings

_NAMES = ", ".join(client.name for client in CLIENTS)


def run(invocation: Invocation) -> int:
    """Set clients up, undo it, or list them."""
    clients = _named(invocation)
    journal = Journal(data_directory(invocation.home))
    place = here(invocation.home)
    if invocation.flag("list"):
        return _list(invocation, place, journal.read())
    if invocation.flag("undo"):
        return _undo(invocation, clients, journal)
    if not clients:
        raise SetupProblem(f"write `copilot-api setup CLIENT`, with one of {_NAMES}; or --list, or --undo")
    return _set_up(invocation, clients, place, journal)


def _named(invocation: Invocation) -> list[Client]:
    if invocation.parsed.unknown:
        raise SetupProblem(f"{invocation.parsed.unknown[0]} is no option of `setup`, so nothing was done")
    found = []
    for name in dict.fromkeys(invocation.parsed.positionals):
        client = client_named(name)
        if client is None:
            raise SetupProblem(f"`setup` does not know {name}; it knows {_NAMES}")
        found.append(client)
    return found


# What is set up


def _set_up(invocation: Invocation, clients: Sequence[Client], place: Place, journal: Journal) -> int:
    configuration = load({}, os.environ, data_directory(invocation.home))
    target = _target(invocation, configuration.settings)
    models, find = _models(invocation, target, configuration)
    known = journal.read()
    # All are planned before one is written: what cannot be done for one is said first.
    planned = [
        (
            client,
            plan(
                client.changes(place, target, _choice(invocation, client, models, find)),
                known.get(client.name),
            ),
        )
        for client in clients
    ]
    done = [_one(invocation, client, steps, target, journal) for client, steps in planned]
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(done, indent=2))
    return 0 if invocation.flag("dry_run") or all(each["done"] for each in done) else 1


def _one(
    invocation: Invocation, client: Client, steps: Sequence[Step], target: Target, journal: Journal
) -> dict[str, Any]:
    """Show what is to change, ask, and write it; return it for a program."""
    told = _told(client, target, steps)
    if not invocation.flag("json"):
        _show(invocation, client, steps, target.key)
    if any(step.changes for step in steps):
        told["done"] = not invocation.flag("dry_run") and _agreed(invocation, client)
        if told["done"]:
            _say_done(invocation, client, carry_out(client.name, target.url, steps, journal), target)
    return told


def _target(invocation: Invocation, settings: Settings) -> Target:
    given = invocation.parsed.values
    if settings.unix_socket and not given.get("url"):
        raise SetupProblem("clients need a port, and the configuration sets unix_socket; give --url")
    url = str(given.get("url") or link_to(settings)[0].url).rstrip("/")
    parts = split(url)
    if parts is None:
        raise SetupProblem(f"--url: {url!r} is not an http or https URL")
    if parts.path in ("/v1", "/v1/"):
        raise SetupProblem(f"--url is the root, without /v1: {url.removesuffix('/v1')}")
    key = Secret(str(given["key"])) if given.get("key") else None
    variable = given.get("key_env")
    if key and variable:
        raise SetupProblem("give --key or --key-env, not both")
    return Target(url, key, str(variable) if variable else None)


def _choice(invocation: Invocation, client: Client, models: tuple[Model, ...], find: Find) -> Choice:
    large, small = (str(invocation.parsed.values.get(name) or "") for name in ("model", "small_model"))
    return choose(models, find, client.prefers, large=large or None, small=small or None)


def _models(
    invocation: Invocation, target: Target, configuration: Configuration
) -> tuple[tuple[Model, ...], Find]:
    """Return the models, and how names are resolved: from the gateway, else from the account."""
    settings = configuration.settings
    key = _key_to_ask_with(invocation)
    asked = GatewayLink(target.url, key), key
    if not invocation.parsed.values.get("url"):
        asked = link_to(settings, key)
    try:
        with waiting(invocation.steps, f"Asking {target.url} for its models …"):
            gateway = reach(*asked)
        return gateway.models, gateway.find
    except WantsKey as problem:
        raise SetupProblem(f"{problem}; `copilot-api keys add NAME` makes one") from None
    except GatewayProblem as problem:
        found = _models_of_account(invocation, configuration)
        if found is None:
            raise SetupProblem(
                f"{problem}; and nobody is signed in, so there is no list of models to choose from"
            ) from None
        invocation.steps.warn(f"{problem} before the client is used")
        return found


def _key_to_ask_with(invocation: Invocation) -> Secret | None:
    """Return the key, if it is at hand: the variable need not be set yet."""
    variable = invocation.parsed.values.get("key_env")
    if isinstance(variable, str) and not os.environ.get(variable):
        return None
    return given_key(invocation)


def _models_of_account(
    invocation: Invocation, configuration: Configuration
) -> tuple[tuple[Model, ...], Find] | None:
    from copilot_api.app import load_models
    from copilot_api.cli.loop import run as run_loop
    from copilot_api.gateway.resolver import resolve
    from copilot_api.github.sources import find_token, store_of

    settings = configuration.settings
    store = store_of(settings, data_directory(invocation.home))
    token = find_token(settings, configuration.origins, store, os.environ)
    if token is None:
        return None
    with waiting(invocation.steps, "Asking Copilot for its models …"):
        catalog = run_loop(load_models(settings, token))
    return catalog.models, lambda name: resolve(name, catalog, "messages", settings.aliases).model


def _agreed(invocation: Invocation, client: Client) -> bool:
    if invocation.flag("yes"):
        return True
    if not sys.stdin.isatty() or invocation.flag("json"):
        invocation.console.error("Nothing was written. Run it again with --yes to write this")
        return False
    sys.stdout.write(f"? Write this for {client.title}? (y/N) ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say_done(invocation: Invocation, client: Client, entry: Entry, target: Target) -> None:
    if invocation.flag("json"):
        return
    console = invocation.console
    console.success(f"{client.title} uses the gateway at {target.url}")
    for file in entry.files:
        if file.backup is not None:
            console.info(f"{file.path} as it was is kept in {file.backup}")
        if target.key and sys.platform != "win32" and stat.S_IMODE(file.path.stat().st_mode) & 0o077:
            console.warn(f"The key stands in {file.path}, which others can read: chmod 600 it")
    if target.key_env and not os.environ.get(target.key_env):
        console.warn(f"${target.key_env} is not set yet; export it where {client.title} starts")
    for finding in client.lint(here(invocation.home), Facts(target.url)):
        # What still stands in the way: a variable of this shell, settings of an organisation, a proxy.
        if f"${target.key_env}" not in finding.text:
            console.warn(f"{finding.where}: {finding.text}; {finding.fix}")
    if client.note:
        console.info(f"{client.title}: {client.note}")
    console.info(f"To take it back: copilot-api setup --undo {client.name}")


def _told(client: Client, target: Target, steps: Sequence[Step]) -> dict[str, Any]:
    return {
        "client": client.name,
        "url": target.url,
        "files": [
            {
                "path": str(step.path),
                "changes": step.changes,
                "diff": _diff(step, target.key),
            }
            for step in steps
        ],
        "done": not any(step.changes for step in steps),
    }


def _show(invocation: Invocation, client: Client, steps: Sequence[Step], key: Secret | None) -> None:
    console = invocation.console
    for step in steps:
        if step.changes:
            console.plain(_diff(step, key))
        for name in step.left:
            console.warn(f"{step.path}: {name} was changed since the last setup")
    if not any(step.changes for step in steps):
        console.info(f"{client.title} is set up already; nothing is to be written")


def _diff(step: Step, key: Secret | None = None) -> str:
    """Return what changes, without secrets: neither ours nor those of others."""
    before, after = (
        (content or b"").decode("utf-8", "replace").splitlines() for content in (step.there, step.wanted)
    )
    names = ("/dev/null" if step.there is None else str(step.path), str(step.path))
    if step.wanted is None:
        names = (str(step.path), "/dev/null")
    text = "\n".join(difflib.unified_diff(before, after, *names, lineterm=""))
    if key is not None:
        shown = json.dumps(key.reveal(), ensure_ascii=False)[1:-1]
        text = text.replace(key.reveal(), MASK).replace(shown, MASK)
    return redact(text)


# What is taken back


def _undo(invocation: Invocation, clients: Sequence[Client], journal: Journal) -> int:
    entries = journal.read()
    # The last first: folders that one made and others used are empty at the end.
    names = [client.name for client in clients] or list(reversed(entries))
    console = invocation.console
    done = []
    for name in names:
        client = client_named(name)
        title = client.title if client else name
        if name not in entries:
            if not invocation.flag("json"):
                console.info(f"{title} was not set up by `copilot-api setup`; nothing is taken back")
            continue
        steps = plan_undo(entries[name])
        done.append(
            {
                "client": name,
                "files": [
                    {"path": str(step.path), "changes": step.changes, "left": list(step.left)}
                    for step in steps
                ],
            }
        )
        if invocation.flag("dry_run"):
            for step in steps:
                if step.changes and not invocation.flag("json"):
                    console.plain(_diff(step))
            continue
        files = entries[name].files
        kept = undo(name, steps, journal)
        if not invocation.flag("json"):
            for file, step in zip(files, steps, strict=True):
                console.success(f"{title}: {_what_happened(step, file.before, existed=file.existed)}")
            for backup in kept:
                console.info(f"The file as it was before setup is kept in {backup}")
    if not names and not invocation.flag("json"):
        console.info("No client was set up by `copilot-api setup`")
    if invocation.flag("json"):
        console.plain(json.dumps(done, indent=2))
    return 0


def _what_happened(step: Step, before: str, *, existed: bool) -> str:
    if step.there is None and existed:
        return f"{step.path} is gone since"
    if not step.changes:
        return f"{step.path} has nothing of ours"
    if step.wanted is None:
        return f"{step.path} is removed; it was made by setup"
    if digest(step.wanted) == before and existed:
        return f"{step.path} is as it was, to the byte"
    left = f"; {', '.join(step.left)} was changed since and is left" if step.left else ""
    return f"{step.path} was changed since setup: only what setup wrote is taken out{left}"


# What there is


def _list(invocation: Invocation, place: Place, entries: dict[str, Entry]) -> int:
    told = []
    for client in CLIENTS:
        program = next((found for name in client.programs if (found := shutil.which(name))), None)
        files = [path for path in client.configurations(place) if path.exists()]
        entry = entries.get(client.name)
        told.append(
            {
                "client": client.name,
                "title": client.title,
                "program": program,
                "configuration": str(files[0]) if files else None,
                "url": entry.url if entry else None,
                "state": _state(entry),
            }
        )
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(told, indent=2))
        return 0
    rows = [("CLIENT", "NAME", "FOUND", "SET UP")]
    rows += [
        (
            str(each["client"]),
            str(each["title"]),
            _short(each["program"] or each["configuration"], place.home) or "no",
            f"{each['url']} ({each['state']})" if each["url"] else "no",
        )
        for each in told
    ]
    invocation.console.plain(aligned(rows))
    return 0


def _short(path: str | None, home: Path) -> str:
    return f"~{path.removeprefix(str(home))}" if path and path.startswith(f"{home}{os.sep}") else path or ""


def _state(entry: Entry | None) -> str:
    if entry is None:
        return "no"
    found = {file.path: read_bytes(file.path) for file in entry.files}
    if None in found.values():
        return "its file is gone"
    if all(digest(found[file.path]) == file.after for file in entry.files):
        return "as setup left it"
    return "changed since"
