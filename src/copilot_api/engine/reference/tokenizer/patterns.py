r"""Patterns with Unicode properties for Python's `re`, which has none.

``\p{…}``, ``\s`` and ``\S`` are replaced by ranges from `vocabulary/character_classes.txt`, which both
engines read: Python's own ``\s`` is another set, and its Unicode version differs between Python versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot_api.engine.reference.tokenizer.vocabulary import FOLDER

_LETTERS = {
    r"\p{L}": "ULC",
    r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}": "UCM",
    r"\p{Ll}\p{Lm}\p{Lo}\p{M}": "LCM",
    r"\p{N}": "N",
    r"\s": "SR",
}
"""What the patterns write, and the letters of `character_classes.txt` for it. No key contains another."""


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of :mod:`.encodings`."""
    ranges = _ranges()
    classes = {written: _join(ranges, letters) for written, letters in _LETTERS.items()}
    parts = re.split(r"(\[.*?\]|\\p\{\w+\}|\\[sS])", pattern)
    return re.compile("".join(_expand(part, classes) for part in parts))


def _expand(part: str, classes: dict[str, str]) -> str:
    if part == r"\S":
        return "[^" + classes[r"\s"] + "]"
    expanded = part
    for written, ranges in classes.items():
        expanded = expanded.replace(written, ranges)
    return expanded if expanded == part or part.startswith("[") else f"[{expanded}]"


def _ranges() -> dict[str, list[str]]:
    ranges: dict[str, list[str]] = {}
    for line in (FOLDER / "character_classes.txt").read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            start, end, letter = line.split()
            ranges.setdefault(letter, []).append(f"\\U{start:0>8}-\\U{end:0>8}")
    return ranges


def _join(ranges: dict[str, list[str]], letters: Iterable[str]) -> str:
    return "".join(one for letter in letters for one in ranges[letter])
