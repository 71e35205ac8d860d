"""Lines added to TOML, YAML and ``.env`` files, each checked by what its own kind of file means."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from copilot_api.clients.edits import CannotEdit
from copilot_api.clients.edits.marked import put, take_out

_TABLE = re.compile(r"[ \t]*\[[^\]\n]+\]{1,2}[ \t]*(?:#.*)?\r?\n?$")


class TomlEdit:
    """Sets strings and numbers at the root, and adds tables, each as its path and its members."""

    def __init__(
        self, hint: str, root: Mapping[str, str | int], tables: Mapping[tuple[str, ...], Mapping[str, str]]
    ) -> None:
        self._hint, self._root, self._tables = hint, root, tables

    def apply(self, text: str) -> tuple[str, Mapping[str, Any]]:
        """Return the changed text and the memo. Raises :class:`CannotEdit`."""
        text = take_out(text)
        before = _toml(text)
        for path in self._tables:
            if _at(before, path) is not None:
                raise CannotEdit(f"it has a table [{'.'.join(path)}] of its own; rename or remove that one")
        head = [f"{name} = {toml_value(value)}" for name, value in self._root.items()]
        tail = [
            line
            for path, members in self._tables.items()
            for line in (
                f"[{'.'.join(path)}]",
                *(f"{name} = {toml_value(value)}" for name, value in members.items()),
            )
        ]
        names = "|".join(re.escape(name) for name in self._root if name in before)
        sets = re.compile(rf"""[ \t]*["']?(?:{names})["']?[ \t]*=""") if names else None
        changed = put(text, head, tail, self._in_root(sets), self._hint)
        if _toml(changed, ours=True) != self._expected(before):
            raise CannotEdit(
                f"its form is not one that can be changed without harm; write by hand: {'; '.join(head)}"
            )
        return changed, {"kind": "toml"}

    @staticmethod
    def _in_root(sets: re.Pattern[str] | None) -> Callable[[str], bool]:
        """Tell of each line whether it sets one of our names at the root: before the first table."""
        in_root = True

        def in_the_way(line: str) -> bool:
            nonlocal in_root
            in_root = in_root and _TABLE.match(line) is None
            return sets is not None and in_root and sets.match(line) is not None

        return in_the_way

    def _expected(self, before: Mapping[str, Any]) -> dict[str, Any]:
        expected = dict(before) | dict(self._root)
        for path, members in self._tables.items():
            level = expected
            for name in path[:-1]:
                level[name] = dict(level.get(name) or {})
                level = level[name]
            level[path[-1]] = dict(members)
        return expected


def _toml(text: str, *, ours: bool = False) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        if ours:
            return {}
        raise CannotEdit(f"it cannot be read as TOML: {error}") from None


def _at(values: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = values
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def toml_value(value: str | int) -> str:
    """Return a value as TOML has it, on one line."""
    if isinstance(value, int):
        return str(value)
    escaped = "".join(
        f"\\u{ord(each):04x}" if ord(each) < 0x20 or each == "\x7f" else each
        for each in value.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'


class EnvEdit:
    """Sets variables in a ``.env`` file."""

    def __init__(self, hint: str, values: Mapping[str, str]) -> None:
        self._hint, self._values = hint, values

    def apply(self, text: str) -> tuple[str, Mapping[str, Any]]:
        """Return the changed text and the memo. Raises :class:`CannotEdit`."""
        text = take_out(text)
        sets = re.compile(rf"[ \t]*(?:export[ \t]+)?(?:{'|'.join(map(re.escape, self._values))})[ \t]*[=:]")
        for line in text.splitlines():
            value = line.partition("=")[2].strip()
            if sets.match(line) and value[:1] in ('"', "'", "`") and value.count(value[0]) < 2:
                raise CannotEdit(f"a value that spans lines is in the way: {line.partition('=')[0].strip()}")
        tail = [f"{name}={value}" for name, value in self._values.items()]
        changed = put(text, (), tail, lambda line: sets.match(line) is not None, self._hint)
        return changed, {"kind": "env"}


class YamlEdit:
    """Sets strings at the top of a block mapping."""

    def __init__(self, hint: str, values: Mapping[str, str]) -> None:
        self._hint, self._values = hint, values

    def apply(self, text: str) -> tuple[str, Mapping[str, Any]]:
        """Return the changed text and the memo. Raises :class:`CannotEdit`."""
        text = take_out(text)
        check_yaml(text)
        sets = re.compile(
            rf"""["']?(?:{"|".join(map(re.escape, self._values))})["']?[ \t]*:(?=[ \t\r\n]|$)"""
        )
        lines = text.splitlines()
        for at, line in enumerate(lines):
            if sets.match(line) and _continues(lines[at + 1 :]):
                raise CannotEdit(f"a value that spans lines is in the way: {line.partition(':')[0].strip()}")
        tail = [f"{name}: {yaml_text(value)}" for name, value in self._values.items()]
        changed = put(text, (), tail, lambda line: sets.match(line) is not None, self._hint)
        return changed, {"kind": "yaml"}


def check_yaml(text: str) -> None:
    """Refuse what is not one plain block mapping. Raises :class:`CannotEdit`."""
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    significant = [line for line in lines if not line.lstrip().startswith("#")]
    if significant and significant[0].strip() == "---":
        significant = significant[1:]
    if any(re.match(r"(?:---|\.\.\.)(?:\s|$)", line) for line in significant):
        raise CannotEdit("it holds several YAML documents")
    if significant and not re.match(r"""["']?[\w.-]+["']?[ \t]*:(?:\s|$)""", significant[0]):
        raise CannotEdit("it is not a plain YAML mapping")


def _continues(lines: Sequence[str]) -> bool:
    following = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    return following[:1] in (" ", "\t", "-")


def yaml_text(value: str) -> str:
    """Return a string as YAML has it, on one line, in double quotes: JSON's are YAML's."""
    import json

    return json.dumps(value, ensure_ascii=False)
