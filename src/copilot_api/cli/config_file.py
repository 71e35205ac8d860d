"""Changing one option in the text of the config file; every other line stays as its writer left it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

from copilot_api.records import record


class NotEditable(Exception):
    """The text cannot be changed by a program; the reason is one line."""


@record
class _Statement:
    """The lines, from `first` up to `end`, that give one top-level key its value."""

    first: int
    end: int
    key: str


def in_toml(value: Any) -> str:
    """Return a switch, a number, a text or a list of texts in the words of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        # TOML's basic strings are those of JSON, but for this one character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return f"[{', '.join(in_toml(str(each)) for each in value)}]"


def keys(text: str) -> tuple[str, ...]:
    """Return the keys outside of tables. Raises :class:`NotEditable`."""
    return tuple(each.key for each in _statements(_lines(text)))


def with_value(text: str, spellings: Sequence[str], value: Any) -> str:
    """Return the text with a key set.

    Of the `spellings` that are there the first is the one that counts; a new key gets the last. Raises
    :class:`NotEditable`.
    """
    lines = _lines(text)
    found = [each for each in _statements(lines) if each.key in spellings]
    if found:
        chosen = min(found, key=lambda each: spellings.index(each.key))
        comment = _comment(lines[chosen.first : chosen.end])
        line = f"{chosen.key} = {in_toml(value)}{comment}"
        changed = [*lines[: chosen.first], line, *lines[chosen.end :]]
        return _proven(text, changed, {chosen.key: value}, ())
    at = _place(lines)
    gap = [""] if at < len(lines) and lines[at].strip() else []
    line = f"{spellings[-1]} = {in_toml(value)}"
    return _proven(text, [*lines[:at], line, *gap, *lines[at:]], {spellings[-1]: value}, ())


def without(text: str, spellings: Sequence[str]) -> str:
    """Return the text without a key. Raises :class:`NotEditable`."""
    lines = _lines(text)
    for each in reversed([each for each in _statements(lines) if each.key in spellings]):
        del lines[each.first : each.end]
    return _proven(text, lines, {}, spellings)


def _proven(text: str, lines: list[str], new: dict[str, Any], gone: Sequence[str]) -> str:
    """Return the changed text if a parser finds in it what was there before, the change, and nothing else."""
    ending = "\r\n" if "\r\n" in text else "\n"
    changed = ending.join(lines)
    if changed and not changed.endswith("\n"):
        changed += ending
    before = {key: value for key, value in tomllib.loads(text).items() if key not in gone}
    wanted = before | {key: list(value) if isinstance(value, tuple) else value for key, value in new.items()}
    try:
        if tomllib.loads(changed) == wanted:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    raise NotEditable("the file is written in a way that only a person can change")


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def _statements(lines: list[str]) -> Iterator[_Statement]:
    """Give the statements before the first table. Raises :class:`NotEditable`."""
    at = 0
    while at < len(lines):
        start = lines[at].strip()
        if start.startswith("["):
            return
        if not start or start.startswith("#"):
            at += 1
            continue
        # A value may go over several lines; its statement ends as soon as what there is can be read.
        for end in range(at + 1, len(lines) + 1):
            try:
                values = tomllib.loads("\n".join(lines[at:end]))
            except tomllib.TOMLDecodeError:
                continue
            yield _Statement(at, end, next(iter(values)))
            at = end
            break
        else:
            raise NotEditable(f"line {at + 1} cannot be read")


def _place(lines: list[str]) -> int:
    """Return where a new key goes: after the last one outside of tables, else before the first table."""
    last = max((each.end for each in _statements(lines)), default=0)
    if last:
        return last
    tables = (at for at, line in enumerate(lines) if line.lstrip().startswith("["))
    at = next(tables, len(lines))
    while at < len(lines) and at and lines[at - 1].lstrip().startswith("#"):
        at -= 1  # what is said of the table stays with it
    return at


def _comment(lines: list[str]) -> str:
    """Return what follows the value on its last line."""
    value = tomllib.loads("\n".join(lines))
    for found in re.finditer("#", lines[-1]):
        try:
            if tomllib.loads("\n".join([*lines[:-1], lines[-1][: found.start()]])) == value:
                return f"  {lines[-1][found.start() :].rstrip()}"
        except tomllib.TOMLDecodeError:
            continue
    return ""
