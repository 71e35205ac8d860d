"""The key of a request: a hash over its canonical form."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext

FORM = "copilot-api cache key 1"
"""Changes when the canonical form does."""
LEFT_OUT = ("model", "stream")
"""Members of the request that do not count: the model is in the scope as it was resolved, and what is cached
is no stream."""
DIALECTS = ("chat", "messages", "embeddings")

_LARGEST_EXPONENT = 2**63


def cache_key(body: bytes, dialect: str, scope: tuple[str, ...]) -> bytes | None:
    """Return the key of a request that validation accepted; None when it may not be cached."""
    try:
        value = jsontext.loads(body)
    except InvalidRequest:
        return None
    if dialect not in DIALECTS or not isinstance(value, dict):
        return None
    if dialect != "embeddings" and not _is_zero(value.get("temperature")):
        return None
    digest = hashlib.sha256()
    for part in (FORM, dialect, *scope):
        encoded = part.encode()
        # With its length, so that no part can run into the next.
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    parts: list[str] = []
    _write_object({name: item for name, item in value.items() if name not in LEFT_OUT}, parts)
    digest.update(jsontext.encode("".join(parts)))
    return digest.digest()


def _is_zero(value: Any) -> bool:
    return isinstance(value, jsontext.Number) and canonical_number(value.text) == "0"


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, dict):
        _write_object(value, parts)
    elif isinstance(value, list):
        separator = "["
        for item in value:
            parts.append(separator)
            _write(item, parts)
            separator = ","
        parts.append("]" if value else "[]")
    elif isinstance(value, jsontext.Number):
        parts.append(canonical_number(value.text))
    else:
        parts.append(jsontext.dumps(value))


def _write_object(value: dict[str, Any], parts: list[str]) -> None:
    separator = "{"
    for name in sorted(value, key=_sort_key):
        parts.append(f"{separator}{json.encoder.encode_basestring(name)}:")
        _write(value[name], parts)
        separator = ","
    parts.append("}" if value else "{}")


def _sort_key(name: str) -> bytes:
    """Return what names are sorted by: the bytes between the quotation marks as they are written."""
    return jsontext.encode(json.encoder.encode_basestring(name)[1:-1])


def canonical_number(spelled: str) -> str:
    """Write a number by its value, exactly: its digits without zeros at either end, and an exponent.

    ``1.0``, ``1`` and ``10e-1`` are one; no number is rounded.
    """
    mantissa, _, exponent = spelled.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    kept = digits.rstrip("0")
    shifted = _shifted(exponent or "0", len(digits) - len(kept), len(fraction))
    if shifted is None:
        # An exponent that no machine counts with: such a number equals only itself.
        return spelled
    return f"{sign}{kept}e{shifted}" if shifted else sign + kept


def _shifted(exponent: str, zeros: int, places: int) -> int | None:
    try:
        number = int(exponent)
    except ValueError:  # thousands of digits
        return None
    for step in (0, zeros, -places):
        number += step
        if not -_LARGEST_EXPONENT <= number < _LARGEST_EXPONENT:
            return None
    return number
