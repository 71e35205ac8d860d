"""Members that a model is known to refuse, taken out of a request by their names."""

from __future__ import annotations

import re
from typing import Any

_PLACE = re.compile(r"\[[0-9]*\]")


def path_of(name: str) -> list[str]:
    """Return the keys of a dotted name; ``tools[0].strict`` or ``tools.0.strict`` is that of all entries."""
    first, *rest = _PLACE.sub("", name).split(".")
    return [first, *(key for key in rest if not key.isdecimal())]


def drop(request: dict[str, Any], names: tuple[str, ...], rewrites: list[str]) -> None:
    """Take members out of a request, and say so."""
    rewrites += [dropped(name) for name in names if removed(request, path_of(name))]


def dropped(name: str) -> str:
    """Return the words for it."""
    return f"dropped {name}: the model refuses it"


def removed(value: Any, path: list[str]) -> bool:
    """Take a member out of a JSON value, within lists out of each entry; tell whether it was there."""
    if isinstance(value, list):
        return sum(removed(entry, path) for entry in value) > 0
    if not isinstance(value, dict) or path[0] not in value:
        return False
    if len(path) > 1:
        return removed(value[path[0]], path[1:])
    del value[path[0]]
    return True
