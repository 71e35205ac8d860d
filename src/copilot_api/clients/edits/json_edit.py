"""Values set in a JSON file, with or without comments, and set back."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from copilot_api.clients.edits import CannotEdit
from copilot_api.clients.edits.jsonc import NotJson, Path, Step, drop, find, parse, put


class JsonEdit:
    """Sets each value at its path; with None a member is taken away.

    `strict`: the client's reader takes no comments, so a file with them is of no use to it.
    """

    def __init__(self, values: Sequence[tuple[Path, Any]], *, strict: bool = False) -> None:
        self._values = values
        self._strict = strict

    def apply(self, text: str) -> tuple[str, Mapping[str, Any]]:
        """Return the changed text and the memo. Raises :class:`CannotEdit`."""
        set_: list[dict[str, Any]] = []
        if self._strict and (problem := not_strict(text)):
            raise CannotEdit(problem)
        try:
            for path, value in self._values:
                text, memo = _set(text, path, value)
                if memo is not None:
                    set_.append(memo)
        except NotJson as problem:
            raise CannotEdit(f"it cannot be read as JSON: {problem}") from None
        return text, {"kind": "json", "set": set_}


def not_strict(text: str) -> str:
    """Return why a reader of plain JSON refuses a text; empty when it does not, or when nothing is there."""
    import json

    if not text.strip():
        return ""
    try:
        json.loads(text)
    except ValueError as error:
        return f"the client reads plain JSON, without comments and trailing commas: {error}"
    return ""


def _set(text: str, path: Path, value: Any) -> tuple[str, dict[str, Any] | None]:
    root = parse(text) if text.strip("\ufeff \t\r\n") else None
    there = None if root is None else find(root, path)
    if value is None if there is None else value is not None and there.value == value:
        return text, None
    memo: dict[str, Any] = {"path": list(path), "value": value}
    if there is not None:
        memo["before"] = text[there.start : there.end]
    made = [at for at in range(len(path)) if root is None or find(root, path[:at]) is None]
    memo["made"] = min(made, default=len(path))
    if value is None:
        return drop(text, path), memo
    changed = put(text, path, value)
    expected = _put_plainly(None if root is None else root.value, path, value)
    if parse(changed).value != expected:
        raise CannotEdit("its form is not one that can be changed without harm")
    return changed, memo


def _put_plainly(value: Any, path: Sequence[Step], new: Any) -> Any:
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        made = copy.copy(value) if isinstance(value, dict) else {}
        made[step] = _put_plainly(made.get(step), rest, new)
        return made
    items = list(value) if isinstance(value, list) else []
    for at, item in enumerate(items):
        if isinstance(item, dict) and all(item.get(key) == step[key] for key in step):
            items[at] = _put_plainly(item, rest, new)
            return items
    return [*items, _put_plainly(None, rest, new)]


def withdraw_json(text: str, memo: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the text with each value as it was before, and the paths that others changed since."""
    left = []
    try:
        for entry in reversed(memo["set"]):
            path: Path = tuple(entry["path"])
            node = find(parse(text), path)
            if (None if node is None else node.value) != entry["value"]:
                left.append(".".join(step if isinstance(step, str) else "item" for step in path))
            elif "before" not in entry:
                text = _drop_with_parents(text, path, entry["made"])
            elif node is None:
                text = put(text, path, parse(entry["before"]).value)
            else:
                text = text[: node.start] + entry["before"] + text[node.end :]
    except NotJson as problem:
        raise CannotEdit(f"it cannot be read as JSON: {problem}") from None
    return text, tuple(reversed(left))


def _drop_with_parents(text: str, path: Path, made: int) -> str:
    text = drop(text, path)
    for length in range(len(path) - 1, max(made, 1) - 1, -1):
        parent = find(parse(text), path[:length])
        if parent is None or parent.value:
            break
        text = drop(text, path[:length])
    return text
