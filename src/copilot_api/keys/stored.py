"""The text of ``keys.json``: one key a line, so that a mistake can be told by its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from copilot_api.keys.caller import Caller
from copilot_api.records import field, fields, record

VERSION = 1
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_NAME = 64


class BadKeyText(Exception):
    """The text is no list of keys. `line` says where, from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@record
class StoredKey:
    """One key as it is kept. Times are Unix seconds."""

    id: str
    name: str
    hash: str = field(repr=False)
    """``sha256:`` and 64 hex digits."""
    created: int
    expires: int | None = None
    models: tuple[str, ...] = ()
    rate: int | None = None
    """Requests a minute."""
    concurrency: int | None = None
    """Requests in flight."""
    revoked: int | None = None

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the key."""
        return bytes.fromhex(self.hash.partition(":")[2])

    @property
    def caller(self) -> Caller:
        """Who shows this key."""
        return Caller(self.id, self.name, self.models, self.rate, self.concurrency)

    def is_good(self, now: float) -> bool:
        """Tell whether the key opens anything."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def dump(keys: Iterable[StoredKey]) -> str:
    """Return the text of the file."""
    lines = ",\n".join(f"    {json.dumps(as_members(key), ensure_ascii=False)}" for key in keys)
    listed = f"[\n{lines}\n  ]" if lines else "[]"
    return f'{{\n  "version": {VERSION},\n  "keys": {listed}\n}}\n'


def as_members(key: StoredKey) -> dict[str, Any]:
    """Return the members of a key's entry; those that say nothing are left out."""
    found = {each.name: getattr(key, each.name) for each in fields(StoredKey)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value is not None and value != ()
    }


def parse(text: str) -> tuple[StoredKey, ...]:
    """Read the text of the file. Raises :class:`BadKeyText`."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadKeyText(error.lineno, f"no JSON: {error.msg}") from None
    except RecursionError:
        raise BadKeyText(1, "nested too deeply") from None
    entries = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise BadKeyText(1, 'must be an object with a list "keys"')
    if value.get("version", VERSION) != VERSION:
        raise BadKeyText(1, f'"version" is not {VERSION}: another version of copilot-api wrote it')
    keys: list[StoredKey] = []
    for at, entry in enumerate(entries):
        why = _wrong(entry) or _repeats(entry, keys)
        if why:
            raise BadKeyText(_line_of(text, at), why)
        keys.append(StoredKey(**{**entry, "models": tuple(entry.get("models", ()))}))
    return tuple(keys)


def _wrong(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "a key must be an object"
    for name in ("id", "name", "hash"):
        if not isinstance(entry.get(name), str):
            return f'"{name}" must be a string'
    if not _ID.fullmatch(entry["id"]):
        return '"id" must be letters, digits, - and _'
    if not is_name(entry["name"]):
        return f'"name" must be 1 to {LONGEST_NAME} printable characters'
    if not _HASH.fullmatch(entry["hash"]):
        return '"hash" must be sha256: and 64 hex digits in lower case'
    if not _is_count(entry.get("created"), 0):
        return '"created" must be Unix seconds'
    for name, least in (("expires", 0), ("revoked", 0), ("rate", 1), ("concurrency", 1)):
        if name in entry and not _is_count(entry[name], least):
            return f'"{name}" must be a whole number, {least} or more'
    models = entry.get("models", [])
    if not isinstance(models, list) or not all(isinstance(each, str) and each.strip() for each in models):
        return '"models" must be a list of names'
    if "models" in entry and not models:
        return '"models" must not be empty: leave it out to allow all'
    # What is not understood may be a limit: a key without it would be good for more than was meant.
    unknown = sorted(set(entry) - {each.name for each in fields(StoredKey)})
    return f'"{unknown[0]}" means nothing here' if unknown else ""


def _repeats(entry: dict[str, Any], keys: list[StoredKey]) -> str:
    for name in ("id", "hash"):
        if any(entry[name] == getattr(key, name) for key in keys):
            return f'another key has the same "{name}"'
    return ""


def is_name(name: str) -> bool:
    """Tell whether a key may be called so."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 1 << 53


def _line_of(text: str, wanted: int) -> int:
    """Return the line of an entry of the list ``keys``; the text is known to be JSON."""
    opened = re.search(r'"keys"\s*:\s*\[', text)
    if opened is None:
        return 1
    position, decoder = opened.end(), json.JSONDecoder()
    for _ in range(wanted + 1):
        while text[position] in " \t\r\n,":
            position += 1
        start = position
        _, position = decoder.raw_decode(text, position)
    return text.count("\n", 0, start) + 1
