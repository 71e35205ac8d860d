"""JSON as JavaScript reads and writes it: the counts of compat.md 5.3 and 5.4 are made of such text.

Values are what `json` makes, with every number a float. A lone surrogate becomes U+FFFD, as it does when
JavaScript encodes text.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from copilot_api.engine.interfaces import InvalidRequest

DEEPEST = 128
"""Containers inside each other that a body may have (R-17)."""

_LARGEST_INDEX = 2**32 - 2
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse(body: bytes) -> Any:
    """Return the value of a JSON text. Raises :class:`InvalidRequest`."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("The body is not UTF-8") from None
    _check_depth(text)
    try:
        return json.loads(
            text, parse_int=float, parse_float=float, parse_constant=_refuse, object_pairs_hook=_object
        )
    except ValueError:
        raise InvalidRequest("The body is not JSON") from None


def well_formed(text: str) -> str:
    """Return `text` with each lone surrogate replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def compact(value: Any) -> str:
    """Return ``JSON.stringify(value)``."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return number(value) if math.isfinite(value) else "null"
    if isinstance(value, list):
        return f"[{','.join(map(compact, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{compact(name)}:{compact(item)}' for name, item in _in_order(value))}}}"
    return _WORDS[value]


def as_text(value: Any) -> str:
    """Return ``String(value)``: text itself, lists joined with commas, an object not at all."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ",".join("" if item is None else as_text(item) for item in value)
    if isinstance(value, dict):
        return "[object Object]"
    return _WORDS[value]


def truthy(value: Any) -> bool:
    """Return what JavaScript's ``||`` thinks of a value: empty lists and objects are true."""
    return bool(value) or isinstance(value, (list, dict))


def text_or_compact(value: Any) -> str:
    """Return text itself, anything else as compact JSON."""
    return value if isinstance(value, str) else compact(value)


def number(value: float) -> str:
    """Return a number as JavaScript prints it (ECMA-262, Number::toString)."""
    if not math.isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    all_digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(all_digits))
    digits = all_digits.rstrip("0")
    sign = "-" if value < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"


_WORDS = {None: "null", True: "true", False: "false"}


def _in_order(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the members, names that are array indices first and ascending."""
    indices = sorted((int(name), item) for name, item in value.items() if _is_index(name)) if value else []
    if not indices:
        return list(value.items())
    others = [(name, item) for name, item in value.items() if not _is_index(name)]
    return [(str(index), item) for index, item in indices] + others


def _is_index(name: str) -> bool:
    return _INDEX.fullmatch(name) is not None and int(name) <= _LARGEST_INDEX


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {well_formed(name): item for name, item in pairs}


def _check_depth(text: str) -> None:
    depth = 0
    for found in _STRINGS_AND_BRACKETS.finditer(text):
        mark = found.group()
        if mark in "[{":
            depth += 1
            if depth > DEEPEST:
                raise InvalidRequest("The body is nested too deeply")
        elif mark in "]}":
            depth -= 1


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)
