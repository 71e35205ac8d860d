"""One row of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found. `met` is None when it was not measured; then `found` says how to."""

    found: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """Say it in a word or two."""
        return {True: "yes", False: "**no**", None: "not measured"}[self.met]


@dataclass(frozen=True, slots=True)
class Row:
    """What is asked, and how it is measured."""

    key: str
    what: str
    gate: str
    goal: str
    measure: Callable[[], Measured]


def missing(how: str) -> Measured:
    """Say how a figure can be had that is not there."""
    return Measured(f"run `{how}` first", None)
