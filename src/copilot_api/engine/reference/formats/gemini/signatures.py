"""Reasoning carriers as ``thoughtSignature``: base64 of the tagged ones, a line each."""

from __future__ import annotations

import base64
import binascii

from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.canonical import Reasoning

_BLANK = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""What Google takes where there is no signature; gemini-cli fills it in by itself (upstream.md 10.4)."""
_REDACTED = "redacted "
_STANDARD = str.maketrans("-_", "+/")


def write(found: list[Reasoning]) -> str:
    """Return the signature for the carriers of an answer, in order; empty when there are none."""
    lines = [_REDACTED * thought.redacted + thought.carrier for thought in found if thought.carrier]
    return base64.b64encode(jsontext.encode("\n".join(lines))).decode("ascii") if lines else ""


def read(signature: str) -> list[Reasoning] | None:
    """Return the carriers of a signature; None when this gateway did not write it."""
    if signature in _BLANK:
        return []
    try:
        text = base64.b64decode(padded(signature), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    if text in _BLANK:
        return []
    found = []
    for line in text.split("\n"):
        carrier = line.removeprefix(_REDACTED)
        if carriers.read(carrier) is None:
            return None
        found.append(Reasoning("", carrier, redacted=carrier != line))
    return found


def padded(data: str) -> str:
    """Return base64 of either alphabet, padded or not, as the standard one with padding."""
    bare = data.rstrip("=").translate(_STANDARD)
    return bare + "=" * (-len(bare) % 4)
