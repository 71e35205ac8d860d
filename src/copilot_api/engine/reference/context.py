"""What the answer must know of its request, as bytes: they cross the border between the components."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import AnswerContext

_EMPTY = AnswerContext()


def write(context: AnswerContext) -> bytes:
    """Return the context as canonical JSON; nothing when there is nothing to know."""
    if context == _EMPTY:
        return b""
    members: dict[str, Any] = {}
    if context.names:
        members["names"] = context.names
    if context.custom:
        members["custom"] = list(context.custom)
    if context.namespaces:
        members["namespaces"] = context.namespaces
    if context.echo:
        members["echo"] = context.echo
    return jsontext.encode(jsontext.dumps(members))


def read(data: bytes) -> AnswerContext:
    """Return what :func:`write` wrote, of this implementation or its twin."""
    if not data:
        return _EMPTY
    members = jsontext.loads(data)
    return AnswerContext(
        names=members.get("names", {}),
        custom=tuple(members.get("custom", ())),
        namespaces=members.get("namespaces", {}),
        echo=members.get("echo", {}),
    )
