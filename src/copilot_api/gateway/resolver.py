"""Which listed model a client's model name means (D-T2, D-T3, compat.md 4.2, upstream.md 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from copilot_api.engine.interfaces import Dialect
from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.gateway.families import cheap, newest, of_kind
from copilot_api.records import record

_DATE = re.compile(r"(?:-\d{8}|-\d{4}-\d{2}-\d{2}|@\d{8}|-latest)$")
_DASHED_VERSION = re.compile(r"^(claude-[a-z]+-\d+)-(\d{1,2})(?=$|-)")
_SIDE_CALL = re.compile(r"gemini-[\d.]+-flash\b.*")
_LEGACY = ("claude-sonnet-4", "claude-opus-4")
_VARIANT = "[1m]"
_LATEST = ":latest"
_RESOURCE = "models/"
_PREVIEW = "-preview"


@record
class Resolution:
    """The name to send upstream, and the listed model behind it, if there is one."""

    name: str
    model: Model | None
    reason: str
    """How the name was found; empty when the client's name was sent on."""


@record
class Step:
    """One name that was looked for."""

    name: str
    reason: str
    model: Model | None


def resolve(
    asked: str,
    catalog: ModelCatalog,
    dialect: Dialect,
    aliases: Mapping[str, str] | None = None,
    *,
    embeds: bool = False,
) -> Resolution:
    """Find the model for a name; `embeds`: it is to embed, in whatever dialect.

    Order: the exact id; the user's alias; without what clients add to names; the name of a family; the cheap
    model for Gemini's side calls. The rule of 0.7.0 is the last, for the dialect that had it.
    """
    exact = catalog.get(asked)
    if exact is not None:
        return Resolution(asked, exact, "")
    renamed = asked
    for step in steps(asked, catalog, aliases or {}, embeds=embeds):
        if step.model is not None:
            return Resolution(step.name, step.model, step.reason)
        if step.reason == _ALIAS:
            renamed = step.name
    if renamed != asked:
        return Resolution(renamed, None, _ALIAS)
    if dialect == "messages":
        for family in _LEGACY:
            if asked.startswith(f"{family}-"):
                return Resolution(family, catalog.get(family), "name shortened as in 0.7.0")
    return Resolution(asked, None, "")


_ALIAS = "alias of the user"


def steps(
    asked: str, catalog: ModelCatalog, aliases: Mapping[str, str], *, embeds: bool = False
) -> Iterator[Step]:
    """Yield the names that are looked for, in order; the first that is listed is meant."""
    yield Step(asked, "as it is", catalog.get(asked))
    target = aliases.get(asked) or aliases.get(asked.strip().lower())
    if target is not None:
        yield Step(target, _ALIAS, catalog.get(target))
    for name, reason in _candidates(target or asked):
        yield Step(name, reason, catalog.get(name))
    plain = _plain(target or asked).lower()
    found = newest(plain, catalog.models)
    if found is not None:
        yield Step(found.id, f"newest of the family {plain}", found)
    if embeds:
        found = of_kind("embeddings", catalog.models)
        if found is not None:
            yield Step(found.id, "the listed model for embeddings", found)
    elif _SIDE_CALL.fullmatch(plain):
        found = cheap(catalog.models)
        if found is not None:
            yield Step(found.id, "a cheap model, for a side call", found)


def _plain(asked: str) -> str:
    return asked.strip().removeprefix(_RESOURCE).removesuffix(_LATEST).removesuffix(_VARIANT)


def _candidates(asked: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    name = asked.strip().removeprefix(_RESOURCE).removesuffix(_LATEST)
    large = name.endswith(_VARIANT)
    if large:
        name = name.removesuffix(_VARIANT)
    undated = _DATE.sub("", name)
    dotted = _DASHED_VERSION.sub(r"\1.\2", undated)
    spelled = [
        (name, "prefix or suffix removed"),
        (undated, "date removed"),
        (dotted, "version written with a dot"),
    ]
    if undated.lower().startswith("gemini-"):
        # Google drops the word from a name when the model is released, Copilot at another time.
        spelled.append((f"{undated}{_PREVIEW}", "the listed preview"))
        spelled.append((undated.removesuffix(_PREVIEW), "no longer a preview"))
    for candidate, reason in spelled:
        if large:
            found.append((f"{candidate}-1m", "the listed -1m model"))
        found.append((candidate, reason))
        if candidate != candidate.lower():
            if large:
                found.append((f"{candidate.lower()}-1m", "the listed -1m model"))
            found.append((candidate.lower(), "case"))
    return [
        each for at, each in enumerate(found) if each[0] not in {name for name, _ in found[:at]} | {asked}
    ]
