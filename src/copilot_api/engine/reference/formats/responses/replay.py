"""A whole Responses answer as the frames of a stream, where the client asked for one (D-H7)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference.formats.chat.frames import mapping, text
from copilot_api.engine.reference.formats.responses import events, frames
from copilot_api.engine.reference.formats.responses.decode_answer import checked


def frames_of(value: Any) -> list[tuple[bytes, dict[str, Any]]]:
    """Return event names and frames. Raises `UnusableAnswer`."""
    response = checked(value)
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    made: list[events.Event] = [("created", {"response": begun}), ("in_progress", {"response": begun})]
    for index, item in enumerate(frames.listed(response["output"])):
        made += _item(index, item)
    status = "incomplete" if response.get("status") == "incomplete" else "completed"
    made.append((status, {"response": response}))
    return [
        (f"response.{event[0]}".encode(), events.frame_of(event, number)) for number, event in enumerate(made)
    ]


def _item(index: int, item: dict[str, Any]) -> list[events.Event]:
    kind, item_id = item.get("type"), text(item.get("id"))
    made: list[events.Event] = []
    opened = {**item, "status": "in_progress"}
    if kind == "message":
        opened["content"] = []
        for place, part in enumerate(frames.listed(item.get("content"))):
            made += _part(index, item_id, place, part)
    elif kind == "reasoning":
        opened = {**item, "summary": []}
        for place, part in enumerate(frames.listed(item.get("summary"))):
            thought = text(part.get("text"))
            made.append(events.thought_opened(index, item_id, place))
            made.append(events.thought_piece(index, item_id, place, thought))
            made += events.thought_closed(index, item_id, place, thought)
    elif kind == "function_call":
        opened["arguments"] = ""
        given = text(item.get("arguments")) or "{}"
        made.append(events.arguments_piece(index, item_id, given))
        made.append(events.arguments_closed(index, item_id, text(item.get("name")), given))
    elif kind == "custom_tool_call":
        opened["input"] = ""
        made += events.input_given(index, item_id, text(item.get("input")))
    return [events.item_added(index, opened), *made, events.item_done(index, item)]


def _part(index: int, item_id: str, place: int, part: dict[str, Any]) -> list[events.Event]:
    if part.get("type") != "output_text":
        where = {"item_id": item_id, "output_index": index, "content_index": place}
        given: list[events.Event] = [("content_part.added", {**where, "part": part})]
        if refused := frames.part_text(mapping(part)):
            given.append(("refusal.delta", {**where, "delta": refused}))
            given.append(("refusal.done", {**where, "refusal": refused}))
        return [*given, ("content_part.done", {**where, "part": part})]
    return [
        events.text_opened(index, item_id, place),
        events.text_piece(index, item_id, place, text(part.get("text"))),
        *events.text_closed(index, item_id, place, part),
    ]
