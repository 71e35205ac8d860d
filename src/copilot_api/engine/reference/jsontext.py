"""JSON read strictly and written back as it came: number spellings, key order, lone surrogates (D-H17)."""

from __future__ import annotations

import json
import json.decoder
import re
from dataclasses import dataclass
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest

DEPTH_LIMIT = 128
"""Levels of nesting that are read (reliability.md 2)."""

_SPACE = " \t\n\r"
# Possessive: what could be tried again would be kept, 120 bytes for each character of a picture.
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


class Number:
    """A JSON number as it was spelled."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Number({self.text})"

    def __bool__(self) -> bool:
        return float(self.text) != 0.0


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse_constant)


def loads(data: bytes) -> Any:
    """Read one JSON document; numbers become :class:`Number`, of equal members the last counts.

    Raises :class:`InvalidRequest`: not UTF-8, not JSON, NaN or Infinity, more than one document, too deep.
    """
    text = decode(data)
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise InvalidRequest(f"the body is not valid JSON ({_place(error)})") from None
    _check_depth(text)
    return value


def decode(data: bytes) -> str:
    """Return the text of a body. Raises :class:`InvalidRequest` when it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not valid UTF-8 (byte {error.start})") from None


def dumps(value: Any) -> str:
    """Write compact JSON: members in order, non-ASCII unescaped, numbers as they were spelled."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def encode(text: str) -> bytes:
    """Return JSON text as UTF-8; a lone surrogate, which stands inside a string, becomes its escape."""
    return text.encode("utf-8", "backslashreplace")


def well_formed(text: str) -> str:
    """Return `text` as it can be printed: each lone surrogate becomes U+FFFD."""
    return _LONE_SURROGATES.sub("\ufffd", text)


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(json.encoder.encode_basestring(value))
    elif isinstance(value, Number):
        parts.append(value.text)
    elif isinstance(value, dict):
        separator = "{"
        for key, item in value.items():
            parts.append(f"{separator}{json.encoder.encode_basestring(key)}:")
            _write(item, parts)
            separator = ","
        parts.append("}" if value else "{}")
    elif isinstance(value, (list, tuple)):
        separator = "["
        for item in value:
            parts.append(separator)
            _write(item, parts)
            separator = ","
        parts.append("]" if value else "[]")
    else:
        parts.append(json.dumps(value))


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return "a number or constant that JSON does not have"


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"the body is nested deeper than {DEPTH_LIMIT} levels")


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return
    # Over the text, not the value: a member given twice hides what its first value holds.
    brackets = _NO_BRACKETS.sub("", _STRINGS.sub("", text)).replace("{", "[").replace("}", "]")
    for _ in range(DEPTH_LIMIT):
        if not brackets:
            return
        brackets = brackets.replace("[]", "")  # the innermost level
    if brackets:
        raise _too_deep()


@dataclass(frozen=True, slots=True)
class Member:
    """Where one member of the outermost object stands in the text: ``[start, end)`` of key and value."""

    key: str
    start: int
    value_start: int
    end: int


def members(text: str) -> list[Member]:
    """Return the members of the outermost object of a document that :func:`loads` accepted."""
    found: list[Member] = []
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        start = at
        key, at = json.decoder.scanstring(text, at + 1)  # type: ignore[attr-defined]
        at = _skip(text, _skip(text, at) + 1)
        value_start = at
        _, at = _DECODER.raw_decode(text, at)
        found.append(Member(key, start, value_start, at))
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def replace_value(text: str, key: str, value: str) -> str:
    """Put `value` (JSON text) in place of every value of `key`; every other character stays."""
    for member in reversed(members(text)):
        if member.key == key:
            text = text[: member.value_start] + value + text[member.end :]
    return text


def rename(text: str, key: str, name: str) -> str:
    """Rename a member in place."""
    for member in reversed(members(text)):
        if member.key == key:
            end = json.decoder.scanstring(text, member.start + 1)[1]  # type: ignore[attr-defined]
            text = text[: member.start] + json.dumps(name) + text[end:]
    return text


def remove(text: str, key: str) -> str:
    """Remove a member with one of the commas beside it."""
    while True:
        listed = members(text)
        at = next((number for number, member in enumerate(listed) if member.key == key), None)
        if at is None:
            return text
        if at + 1 < len(listed):
            text = text[: listed[at].start] + text[listed[at + 1].start :]
        elif at:
            text = text[: listed[at - 1].end] + text[listed[at].end :]
        else:
            text = text[: listed[at].start] + text[listed[at].end :]


def append(text: str, key: str, value: str) -> str:
    """Add a member after the last one."""
    listed = members(text)
    at = listed[-1].end if listed else text.index("{") + 1
    return f"{text[:at]}{',' if listed else ''}{json.dumps(key)}:{value}{text[at:]}"
