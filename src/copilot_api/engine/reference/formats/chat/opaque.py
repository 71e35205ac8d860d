"""Reasoning in the two members that a chat message has for it: ``reasoning_text`` and ``reasoning_opaque``.

A chat message holds one text and one carrier; an answer of another leg may have several pieces of reasoning,
each bound to its own carrier, and some without text. Then the one value that the client gets lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Reasoning
from copilot_api.engine.reference.formats.chat import frames

PARTS = "copilot-api-parts:"
"""Begins a value that lists pieces: the characters of each, whether it is redacted, its carrier."""


def pack(pieces: Iterable[tuple[int, bool, str]]) -> str:
    """Return the one carrier for pieces of reasoning: `(characters, redacted, carrier)` of each, in order."""
    listed = list(pieces)
    if not any(carrier for _, _, carrier in listed):
        return ""
    if len(listed) == 1 and not listed[0][1]:
        return listed[0][2]
    return PARTS + jsontext.dumps(
        [[jsontext.Number(str(length)), redacted, carrier] for length, redacted, carrier in listed]
    )


def unpack(text: str, opaque: str) -> list[Reasoning]:
    """Return the pieces; a text that is not the one they were made of keeps no carrier."""
    if not opaque.startswith(PARTS):
        return [Reasoning(text, opaque)] if text or opaque else []
    listed = _listed(opaque[len(PARTS) :])
    if sum(length for length, _, _ in listed) != len(text):
        return [Reasoning(text)] if text else []
    found = []
    for length, redacted, carrier in listed:
        found.append(Reasoning(text[:length], carrier, redacted))
        text = text[length:]
    return found


def _listed(text: str) -> list[tuple[int, bool, str]]:
    try:
        value = jsontext.loads(jsontext.encode(text))
    except InvalidRequest:
        return []
    found = []
    for entry in value if isinstance(value, list) else ():
        if not isinstance(entry, list) or len(entry) != 3:
            return []
        length = frames.count(entry[0])
        if length is None or length < 0:
            return []
        found.append((length, entry[1] is True, frames.text(entry[2])))
    return found
