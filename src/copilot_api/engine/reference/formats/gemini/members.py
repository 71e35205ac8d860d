"""Reading Google's JSON: members in either spelling, contents and parts in every shape that Google takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference.jsontext import Number, well_formed

_HUMP = re.compile(r"_([a-z0-9])")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_ROLES: dict[str, Literal["user", "model"]] = {
    "user": "user",
    "function": "user",
    "tool": "user",
    "": "user",
    "model": "model",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a content, its members by their camelCase names."""

    members: dict[str, Any]
    path: str


@dataclass(frozen=True, slots=True)
class Content:
    """One message."""

    role: Literal["user", "model"]
    parts: tuple[Part, ...]


def camel(name: str) -> str:
    """Return a member's name as JSON has it; protobuf's own spelling is as good (``inline_data``)."""
    return _HUMP.sub(lambda found: found[1].upper(), name)


def named(value: dict[str, Any]) -> dict[str, Any]:
    """Return the members by their camelCase names; null is the same as absent."""
    return {camel(name): item for name, item in value.items() if item is not None}


def object_at(value: Any, path: str) -> dict[str, Any]:
    """Return the members of an object; none when it is absent."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("must be an object", path)
    return named(value)


def objects_at(value: Any, path: str) -> list[tuple[dict[str, Any], str]]:
    """Return the objects of a list with their paths; one object is a list of one."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [(named(value), path)]
    if not isinstance(value, list):
        raise InvalidRequest("must be a list", path)
    found = []
    for number, item in enumerate(value):
        if not isinstance(item, dict):
            raise InvalidRequest("must be an object", f"{path}[{number}]")
        found.append((named(item), f"{path}[{number}]"))
    return found


def text_at(members: dict[str, Any], name: str, path: str) -> str:
    """Return a string member; empty when it is absent."""
    value = members.get(name, "")
    if not isinstance(value, str):
        raise InvalidRequest("must be a string", f"{path}.{name}")
    return value


def others(members: dict[str, Any], known: tuple[str, ...]) -> list[str]:
    """Return the names of the members that nobody reads, as they can be printed."""
    return [well_formed(name) for name in members if name not in known]


def lowered(word: str) -> str:
    """Return a word of protobuf in small letters."""
    return word.lower() if word.isascii() else word


def number_of(value: Any) -> Any:
    """Return a number that came as a string, which JSON of protobuf allows, as a number."""
    return Number(value) if isinstance(value, str) and _NUMBER.match(value) else value


def request_of(value: Any) -> tuple[dict[str, Any], str]:
    """Return the members of a request and the path before them: ``:countTokens`` may wrap it."""
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    members = named(value)
    if "generateContentRequest" not in members:
        return members, ""
    wrapped = "generateContentRequest"
    return object_at(members[wrapped], wrapped), f"{wrapped}."


def contents_at(value: Any, path: str) -> list[Content]:
    """Return the contents. Raises :class:`InvalidRequest` when there are none."""
    if isinstance(value, (str, dict)):
        return [content_at(value, path)]
    if not isinstance(value, list) or not value:
        raise InvalidRequest("must be a list of contents", path)
    return [content_at(item, f"{path}[{number}]") for number, item in enumerate(value)]


def content_at(value: Any, path: str) -> Content:
    """Return one content; a string is the user's text."""
    if isinstance(value, str):
        return Content("user", (Part({"text": value}, path),))
    if not isinstance(value, dict):
        raise InvalidRequest("must be an object", path)
    members = named(value)
    role = members.get("role", "")
    if not isinstance(role, str) or role not in _ROLES:
        raise InvalidRequest("must be user, model or function", f"{path}.role")
    return Content(_ROLES[role], tuple(_parts(members.get("parts"), f"{path}.parts")))


def _parts(value: Any, path: str) -> list[Part]:
    if value is None:
        return []
    if isinstance(value, (str, dict)):
        return [_part(value, path)]
    if not isinstance(value, list):
        raise InvalidRequest("must be a list of parts", path)
    return [_part(item, f"{path}[{number}]") for number, item in enumerate(value)]


def _part(value: Any, path: str) -> Part:
    if isinstance(value, str):
        return Part({"text": value}, path)
    if not isinstance(value, dict):
        raise InvalidRequest("must be an object", path)
    return Part(named(value), path)
