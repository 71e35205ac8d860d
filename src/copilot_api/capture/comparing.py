"""What differs between two answers to one request: status, kind, form and text.

Models never say the same twice. The form is what clients depend on: which members of which type are
there, and in a stream which events follow each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from copilot_api.records import record

FRAMED = "text/event-stream"
LINES = "application/x-ndjson"


@record
class Answer:
    """One answer of the gateway."""

    status: int
    content_type: str
    body: str


@record
class Difference:
    """One thing that is not the same; `grave` are those that a client can trip over."""

    what: str
    before: str
    after: str
    grave: bool = True


def differences(before: Answer, after: Answer) -> list[Difference]:
    """Return what differs."""
    found: list[Difference] = []
    if before.status != after.status:
        found.append(Difference("status", str(before.status), str(after.status)))
    if before.content_type != after.content_type:
        found.append(Difference("content type", before.content_type, after.content_type))
    old, new = form(before), form(after)
    found += (
        Difference(f"member {path}", old.get(path, "missing"), new.get(path, "missing"))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )
    events = " ".join(sequence(before)), " ".join(sequence(after))
    if events[0] != events[1]:
        found.append(Difference("order of events", *events))
    if before.body != after.body:
        sizes = f"{len(before.body)} characters", f"{len(after.body)} characters"
        found.append(Difference("text", *sizes, grave=False))
    return found


def form(answer: Answer) -> dict[str, str]:
    """Return the types of an answer's members by their paths; of a stream those of all its events."""
    types: dict[str, set[str]] = {}
    for name, value in _documents(answer):
        for path, kind in _members(value, name):
            types.setdefault(path, set()).add(kind)
    return {path: " or ".join(sorted(kinds)) for path, kinds in types.items()}


def sequence(answer: Answer) -> list[str]:
    """Return the kinds of a stream's events in their order, equal neighbours once."""
    if answer.content_type not in (FRAMED, LINES):
        return []
    kinds: list[str] = []
    for name, value in _documents(answer):
        kind = name if name != "chunk" else "+".join(sorted(_said(value))) or "chunk"
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
    if answer.content_type == FRAMED and answer.body.rstrip().endswith("[DONE]"):
        kinds.append("[DONE]")
    return kinds


def _said(value: Any) -> Iterator[str]:
    """Give what a chat chunk carries, by which its order can be told."""
    choices = value.get("choices") if isinstance(value, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        delta = choice.get("delta")
        if isinstance(delta, dict):
            yield from (name for name in ("content", "tool_calls") if delta.get(name))
        if choice.get("finish_reason"):
            yield "finish"


def _documents(answer: Answer) -> Iterator[tuple[str, Any]]:
    if answer.content_type == FRAMED:
        for event in answer.body.replace("\r\n", "\n").split("\n\n"):
            data = "\n".join(line[5:].strip() for line in event.split("\n") if line.startswith("data:"))
            if data and data != "[DONE]":
                value = _parsed(data)
                kind = value.get("type") if isinstance(value, dict) else None
                yield (kind if isinstance(kind, str) else "chunk"), value
    elif answer.content_type == LINES:
        for line in filter(None, answer.body.split("\n")):
            yield "chunk", _parsed(line)
    else:
        yield "", _parsed(answer.body)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _members(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _members(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for each in value:
            yield from _members(each, f"{path}[]")
    else:
        yield path or "body", _kind(value)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"
