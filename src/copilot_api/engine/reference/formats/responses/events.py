"""Events of a Responses stream, numbered and written (upstream.md 10.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.responses.answer import text_part

Event = tuple[str, dict[str, Any]]
"""The type of an event, less ``response.``, and its members."""


def item_added(index: int, item: dict[str, Any]) -> Event:
    """Return the event that opens an item."""
    return "output_item.added", {"output_index": index, "item": item}


def item_done(index: int, item: dict[str, Any]) -> Event:
    """Return the event that holds an item whole."""
    return "output_item.done", {"output_index": index, "item": item}


def text_opened(index: int, item_id: str, place: int) -> Event:
    """Return the event that opens a part of a message."""
    return "content_part.added", {**_part(index, item_id, place), "part": text_part("")}


def text_piece(index: int, item_id: str, place: int, piece: str) -> Event:
    """Return some text."""
    return "output_text.delta", {**_part(index, item_id, place), "delta": piece, "logprobs": []}


def text_closed(index: int, item_id: str, place: int, part: dict[str, Any]) -> list[Event]:
    """Return the events that end a part of a message."""
    where = _part(index, item_id, place)
    return [
        ("output_text.done", {**where, "text": part.get("text", ""), "logprobs": []}),
        ("content_part.done", {**where, "part": part}),
    ]


def thought_opened(index: int, item_id: str, place: int) -> Event:
    """Return the event that opens a part of a reasoning summary."""
    part = {"type": "summary_text", "text": ""}
    return "reasoning_summary_part.added", {**_summary(index, item_id, place), "part": part}


def thought_piece(index: int, item_id: str, place: int, piece: str) -> Event:
    """Return some of a reasoning summary."""
    return "reasoning_summary_text.delta", {**_summary(index, item_id, place), "delta": piece}


def thought_closed(index: int, item_id: str, place: int, thought: str) -> list[Event]:
    """Return the events that end a part of a reasoning summary."""
    where = _summary(index, item_id, place)
    part = {"type": "summary_text", "text": thought}
    return [
        ("reasoning_summary_text.done", {**where, "text": thought}),
        ("reasoning_summary_part.done", {**where, "part": part}),
    ]


def arguments_piece(index: int, item_id: str, piece: str) -> Event:
    """Return some of a call's arguments."""
    return "function_call_arguments.delta", {"item_id": item_id, "output_index": index, "delta": piece}


def arguments_closed(index: int, item_id: str, name: str, arguments: str) -> Event:
    """Return a call's arguments, whole."""
    members = {"item_id": item_id, "output_index": index, "name": name, "arguments": arguments}
    return "function_call_arguments.done", members


def input_given(index: int, item_id: str, given: str) -> list[Event]:
    """Return a freeform call's input, in one piece and whole."""
    where = {"item_id": item_id, "output_index": index}
    piece = [("custom_tool_call_input.delta", {**where, "delta": given})] if given else []
    return [*piece, ("custom_tool_call_input.done", {**where, "input": given})]


def _part(index: int, item_id: str, place: int) -> dict[str, Any]:
    return {"item_id": item_id, "output_index": index, "content_index": place}


def _summary(index: int, item_id: str, place: int) -> dict[str, Any]:
    return {"item_id": item_id, "output_index": index, "summary_index": place}


def frame_of(event: Event, number: int) -> dict[str, Any]:
    """Return the data of an event."""
    name, members = event
    return {"type": f"response.{name}", **members, "sequence_number": number}


class Numbered:
    """Writes events; their numbers go up from 0 without gaps."""

    def __init__(self) -> None:
        self._next = 0

    def write(self, events: list[Event]) -> str:
        """Return the stream text for some events."""
        return "".join(self._one(event) for event in events)

    def _one(self, event: Event) -> str:
        data = jsontext.dumps(frame_of(event, self._next))
        self._next += 1
        return f"event: response.{event[0]}\ndata: {data}\n\n"
