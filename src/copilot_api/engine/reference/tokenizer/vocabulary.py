"""Reads rank files; their format is described in `vocabulary/README.md`."""

from __future__ import annotations

import zlib
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "vocabulary"
"""The data files, shared with the Rust build."""


def read_ranks(name: str, size: int | None = None) -> dict[bytes, int]:
    """Return the rank of each token of a file, or of its first `size` ranks."""
    data = zlib.decompress((FOLDER / name).read_bytes())
    ranks: dict[bytes, int] = {}
    position = rank = 0
    while position < len(data) and rank != size:
        start = position + 1
        position = start + data[position]
        if position > start:
            ranks[data[start:position]] = rank
        rank += 1
    return ranks
