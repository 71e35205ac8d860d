"""Which listed model a client's model name means (D-T2, D-T3, compat.md 4.2, upstream.md 3.3)."""

from __future__ import annotations

import re

from copilot_api.engine.interfaces import Dialect
from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.records import record

_DATE = re.compile(r"(?:-\d{8}|-\d{4}-\d{2}-\d{2}|@\d{8}|-latest)$")
_DASHED_VERSION = re.compile(r"^(claude-[a-z]+-\d+)-(\d{1,2})(?=$|-)")
_LEGACY = ("claude-sonnet-4", "claude-opus-4")
_VARIANT = "[1m]"


@record
class Resolution:
    """The name to send upstream, and the listed model behind it, if there is one."""

    name: str
    model: Model | None
    reason: str
    """How the name was found; empty when the client's name was sent on."""


def resolve(asked: str, catalog: ModelCatalog, dialect: Dialect) -> Resolution:
    """Find the model for a name.

    Order: the exact id; without ``[1m]`` (the ``-1m`` model, if listed); without its date; with the dashed
    version dotted. The rule of 0.7.0 is the last, for the dialect that had it.
    """
    exact = catalog.get(asked)
    if exact is not None:
        return Resolution(asked, exact, "")
    for name, reason in _candidates(asked):
        model = catalog.get(name)
        if model is not None:
            return Resolution(name, model, reason)
    if dialect == "messages":
        for family in _LEGACY:
            if asked.startswith(f"{family}-"):
                return Resolution(family, catalog.get(family), "name shortened as in 0.7.0")
    return Resolution(asked, None, "")


def _candidates(asked: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    name = asked.strip()
    large = name.endswith(_VARIANT)
    if large:
        name = name.removesuffix(_VARIANT)
    undated = _DATE.sub("", name)
    dotted = _DASHED_VERSION.sub(r"\1.\2", undated)
    for candidate, reason in (
        (name, "suffix removed"),
        (undated, "date removed"),
        (dotted, "version written with a dot"),
    ):
        if large:
            found.append((f"{candidate}-1m", "the listed -1m model"))
        found.append((candidate, reason))
        if candidate != candidate.lower():
            found.append((candidate.lower(), "case"))
    return found
