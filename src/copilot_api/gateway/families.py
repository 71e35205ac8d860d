"""Names that mean no one model: a family's newest, a cheap one, any that embeds. One list, one answer."""

from __future__ import annotations

import re

from copilot_api.gateway.catalog import Model

_VERSION = r"(\d+(?:\.\d+)*)"
_FAMILIES = {
    "sonnet": re.compile(rf"claude-sonnet-{_VERSION}"),
    "opus": re.compile(rf"claude-opus-{_VERSION}"),
    "haiku": re.compile(rf"claude-haiku-{_VERSION}"),
    "gpt": re.compile(rf"gpt-{_VERSION}"),
    "gemini": re.compile(rf"gemini-{_VERSION}-pro(?:-preview)?"),
}
_FAMILIES |= {f"claude-{name}": _FAMILIES[name] for name in ("sonnet", "opus", "haiku")}
_FAMILIES["claude"] = _FAMILIES["sonnet"]
_FLASH = re.compile(rf"gemini-{_VERSION}-flash(?:-lite)?(?:-preview)?")
_CHEAP = ("gpt-5-mini", "gpt-4.1", "gpt-4o-mini", "gpt-4o")
"""Models that most plans include."""
_EMBEDDINGS = ("text-embedding-3-small", "text-embedding-3-small-inference", "text-embedding-ada-002")


def newest(family: str, models: tuple[Model, ...]) -> Model | None:
    """Return the listed model of a family with the highest version; of variants, the plain one."""
    pattern = _FAMILIES.get(family)
    return None if pattern is None else _newest(pattern, models)


def is_of(family: str, model: str) -> bool:
    """Tell whether a model is a version of a family, and no variant of one; both in lower case."""
    pattern = _FAMILIES.get(family)
    return pattern is not None and pattern.fullmatch(model) is not None


def cheap(models: tuple[Model, ...]) -> Model | None:
    """Return a cheap model that chats: Gemini's small one, one that plans include, the least expensive."""
    flash = _newest(_FLASH, models)
    if flash is not None:
        return flash
    usable = {model.id: model for model in models if _chats(model)}
    for name in _CHEAP:
        if name in usable:
            return usable[name]
    priced = [(model.multiplier, model.id) for model in usable.values() if model.multiplier is not None]
    return usable[min(priced)[1]] if priced else None


def of_kind(kind: str, models: tuple[Model, ...]) -> Model | None:
    """Return a listed model for embeddings, the usual one first."""
    listed = {model.id: model for model in models if model.kind == kind and not model.disabled}
    for name in _EMBEDDINGS:
        if name in listed:
            return listed[name]
    return listed[min(listed)] if listed else None


def _newest(pattern: re.Pattern[str], models: tuple[Model, ...]) -> Model | None:
    found = []
    for model in models:
        matched = pattern.fullmatch(model.id) if _chats(model) else None
        if matched is not None:
            version = tuple(int(part) for part in matched.group(1).split("."))
            # A released model before its preview, then by name: no tie is left to the order of the list.
            found.append((version, -len(model.id), model.id, model))
    return max(found, key=lambda each: each[:3])[3] if found else None


def _chats(model: Model) -> bool:
    return model.kind in (None, "chat") and not model.disabled
