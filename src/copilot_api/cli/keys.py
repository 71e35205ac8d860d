"""``copilot-api keys``: client keys for several people or tools, made, listed and revoked while it runs."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

from copilot_api.cli.main import Invocation
from copilot_api.configuration import load
from copilot_api.gateway.errors import StartupError
from copilot_api.github.credentials import data_directory
from copilot_api.keys.secrets import digest, make_key
from copilot_api.keys.store import KeyStore
from copilot_api.keys.stored import LONGEST_NAME, StoredKey, as_members, is_name
from copilot_api.records import replace

USAGE = (
    "write `copilot-api keys add NAME`, `copilot-api keys list` or `copilot-api keys revoke NAME`;"
    " copilot-api keys --help has examples"
)
_HEADINGS = ("ID", "NAME", "STATE", "CREATED", "EXPIRES", "MODELS", "RATE", "CONCURRENCY")
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_RATE = re.compile(r"(\d{1,9})(?:\s*/\s*min(?:ute)?)?")
_DURATION = re.compile(r"(\d{1,6})\s*([mhdwy])")
_FLAGS = {"add": {"model", "rate", "concurrency", "expires", "json"}, "list": {"json"}, "revoke": {"json"}}


class Problem(StartupError):
    """What was asked cannot be done; the text is one line."""


def run(invocation: Invocation) -> int:
    """Add, list or revoke."""
    words = invocation.parsed.positionals
    action = words[0] if words else ""
    if action not in _FLAGS:
        raise Problem(USAGE)
    unfit = [f"--{name}" for name in invocation.parsed.values if name not in _FLAGS[action] | {"shared"}]
    if unknown := [*invocation.parsed.unknown, *unfit]:
        # A limit that is not understood must not make a key without it.
        raise Problem(f"{unknown[0]} means nothing to `keys {action}`, so nothing was done")
    store = _store(invocation)
    actions: dict[str, Callable[[Invocation, KeyStore, list[str]], None]] = {
        "add": _add,
        "list": _list,
        "revoke": _revoke,
    }
    actions[action](invocation, store, words[1:])
    return 0


def _store(invocation: Invocation) -> KeyStore:
    """Return the keys of this machine, or those of all gateways that share a store."""
    directory = data_directory(invocation.home)
    given = invocation.parsed.values.pop("shared", None)
    flags = {} if given is None else {"shared": given}
    url = load(flags, os.environ, directory).settings.shared
    if url is None:
        return KeyStore(directory)
    from copilot_api.shared.keys import SharedKeyStore, fetch

    fetch(url, directory)
    return SharedKeyStore(directory, url)


def _add(invocation: Invocation, store: KeyStore, words: list[str]) -> None:
    if len(words) != 1:
        raise Problem("write `copilot-api keys add NAME`, with the name of a person or a tool")
    name = words[0]
    if not is_name(name):
        raise Problem(f"a name has 1 to {LONGEST_NAME} printable characters")
    values, now = invocation.parsed.values, int(time.time())
    secret = make_key()
    lasts = duration(values.get("expires"))
    made = StoredKey(
        id=f"k{os.urandom(4).hex()}",
        name=name,
        hash=f"sha256:{digest(secret).hex()}",
        created=now,
        expires=None if lasts is None else now + lasts,
        models=models(values.get("model")),
        rate=rate(values.get("rate")),
        concurrency=count(values.get("concurrency")),
    )
    first = False

    def edit(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
        nonlocal first
        if any(key.name == name and key.is_good(now) for key in keys):
            raise Problem(f'there is a key "{name}" already: revoke it first, or choose another name')
        first = not any(key.revoked is None for key in keys)
        return (*keys, made)

    store.change(edit)
    console = invocation.console
    if invocation.flag("json"):
        console.plain(json.dumps({**_public(made, now), "key": secret}, indent=2))
        return
    console.success(f'Key "{name}" ({made.id}) was made. It is shown this once: only its hash is kept.')
    console.plain(secret)
    console.info(
        "Clients send it as their API key (Authorization: Bearer KEY, x-api-key or x-goog-api-key)."
        f" Good for: {_terms(made)}."
    )
    if first:
        console.warn(
            "From now on every request needs a key, also from this machine. A running gateway notices within"
            " a second."
        )


def _list(invocation: Invocation, store: KeyStore, words: list[str]) -> None:
    if words:
        raise Problem("`copilot-api keys list` takes no name")
    keys, _ = store.read()
    now = int(time.time())
    if invocation.flag("json"):
        invocation.console.plain(json.dumps([_public(key, now) for key in keys], indent=2))
    elif not keys:
        invocation.console.plain("There are no keys. Make one with `copilot-api keys add NAME`.")
    else:
        invocation.console.plain(_table([_HEADINGS, *(_row(key, now) for key in keys)]))


def _revoke(invocation: Invocation, store: KeyStore, words: list[str]) -> None:
    if len(words) != 1:
        raise Problem("write `copilot-api keys revoke NAME`, or the key's ID")
    now = int(time.time())
    ended: list[StoredKey] = []
    left = 0

    def edit(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
        nonlocal left
        ended[:] = [key for key in keys if words[0] in (key.id, key.name) and key.revoked is None]
        if not ended:
            raise Problem(f'there is no key "{words[0]}" to revoke; `copilot-api keys list` shows all')
        changed = tuple(replace(key, revoked=now) if key in ended else key for key in keys)
        left = sum(key.is_good(now) for key in changed)
        return changed

    store.change(edit)
    console = invocation.console
    if invocation.flag("json"):
        console.plain(json.dumps([_public(replace(key, revoked=now), now) for key in ended], indent=2))
        return
    for key in ended:
        console.success(f'Key "{key.name}" ({key.id}) is revoked.')
    console.info("A running gateway ends its streams within a second, and refuses its next request.")
    if not left:
        console.warn(
            "That was the last key. A running gateway lets nobody in until there is another; one that starts"
            " now, on loopback, needs none."
        )


def models(given: Any) -> tuple[str, ...]:
    """Read ``--model``, given once or more, each a name or several with commas."""
    if given is None:
        return ()
    words = [word.strip() for item in given for word in str(item).split(",")]
    found = tuple(dict.fromkeys(word for word in words if word))
    if not found:
        raise Problem("--model takes a name, a family or a pattern, as claude-sonnet-4.6, sonnet or 'gpt-*'")
    return found


def rate(given: Any) -> int | None:
    """Read ``--rate`` into requests a minute."""
    if given is None:
        return None
    found = _RATE.fullmatch(str(given).strip())
    if found is None or not int(found.group(1)):
        raise Problem(f"--rate: write {given!r} as requests a minute, as 60/min")
    return int(found.group(1))


def count(given: Any) -> int | None:
    """Read ``--concurrency``."""
    if given is None:
        return None
    text = str(given).strip()
    if not re.fullmatch(r"\d{1,9}", text) or not int(text):
        raise Problem(f"--concurrency: {given!r} is not a number of requests, 1 or more")
    return int(text)


def duration(given: Any) -> int | None:
    """Read ``--expires`` into seconds."""
    if given is None:
        return None
    found = _DURATION.fullmatch(str(given).strip().lower())
    if found is None or not int(found.group(1)):
        raise Problem(f"--expires: write {given!r} as 45m, 12h, 30d, 8w or 1y from now")
    return int(found.group(1)) * _UNITS[found.group(2)]


def _public(key: StoredKey, now: int) -> dict[str, Any]:
    return {
        **{name: value for name, value in as_members(key).items() if name != "hash"},
        "state": _state(key, now),
    }


def _state(key: StoredKey, now: int) -> str:
    if key.revoked is not None:
        return "revoked"
    return "good" if key.is_good(now) else "expired"


def _terms(key: StoredKey) -> str:
    parts = [f"the models {', '.join(key.models)}" if key.models else "all models"]
    if key.rate is not None:
        parts.append(f"{key.rate} requests a minute")
    if key.concurrency is not None:
        parts.append(f"{key.concurrency} at once")
    parts.append(f"until {_day(key.expires)}" if key.expires is not None else "for ever")
    return ", ".join(parts)


def _row(key: StoredKey, now: int) -> tuple[str, ...]:
    return (
        key.id,
        key.name,
        _state(key, now),
        _day(key.created),
        "never" if key.expires is None else _day(key.expires),
        ",".join(key.models) or "all",
        "-" if key.rate is None else f"{key.rate}/min",
        "-" if key.concurrency is None else str(key.concurrency),
    )


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
