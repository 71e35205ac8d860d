"""Responses streams to Responses clients: bytes pass untouched, but for the quirks of upstream.md 5.3.

Repaired are: ids that change from event to event (the first one counts), missing indexes, empty arguments of
calls, members that are no part of the format, and the numbers of events, when we put one in between.
"""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import StreamPlan, Usage
from copilot_api.engine.reference import jsontext, sse
from copilot_api.engine.reference.canonical import AnswerContext
from copilot_api.engine.reference.formats.chat.frames import count, mapping, text
from copilot_api.engine.reference.formats.responses import frames
from copilot_api.engine.reference.formats.responses.answer import head
from copilot_api.engine.reference.formats.responses.errors import code_of

_PROLOGUE = ("response.created", "response.in_progress", "response.queued")
_ENDS = ("response.completed", "response.incomplete")
PRIVATE = ("obfuscation", "copilot_usage", "copilot_quota_snapshots")
"""Members that this format does not have."""
_WITH_CONTENT_INDEX = ("response.content_part.", "response.output_text.", "response.refusal.")


class StreamRepairs:
    """Takes events, gives the bytes for the client.

    What comes before the first item is held until it comes: a failure right after can still be a status.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self.response_id = ""
        self.model = ""
        self.reason = ""
        self.usage: Usage | None = None
        self._plan = plan
        self._response: dict[str, Any] | None = None
        self._held = b""
        self._number = 0
        self._items = 0
        self._ids: dict[int, str] = {}
        self._done: dict[int, dict[str, Any]] = {}
        self._called = False

    def frame(self, event: sse.Event, frame: dict[str, Any]) -> bytes:
        """Return what one frame, which is no fault, gives."""
        kind = text(frame.get("type"))
        if kind in _ENDS:
            self.usage = frames.usage_of(mapping(frame.get("response")), frame)
        changed = self._mend(kind, frame)
        if count(frame.get("sequence_number")) != self._number:
            frame["sequence_number"] = jsontext.Number(str(self._number))
            changed = True
        self._number += 1
        data = jsontext.encode(jsontext.dumps(frame)) if changed or event.data is None else event.data
        name = event.event or jsontext.encode(kind)
        written = sse.write(data, event=name, event_id=event.id or b"", retry=event.retry or b"")
        if kind in _PROLOGUE and not self._items:
            self._held += written
            return b""
        return self._release() + written

    def complete(self) -> bytes:
        """Return nothing more: the last event says that it was the last."""
        return self._release()

    def fail(self, message: str, code: str | None) -> bytes:
        """Return ``response.failed`` with what was whole, and what must come before it."""
        out = self._release()
        error = {"code": code_of(code), "message": message}
        output = [self._done[index] for index in sorted(self._done)]
        if self._response is None:
            begun = head("", self._plan.model, None, AnswerContext())
            out += self._own("created", begun.response("in_progress", []))
            return out + self._own("failed", begun.response("failed", output, error=error))
        failed = {**self._response, "status": "failed", "error": error, "output": output}
        return out + self._own("failed", failed)

    def keep_alive(self) -> bytes:
        """Return an event that clients ignore but for their timers, or a comment before the first."""
        if self._response is None:
            return b": keep-alive\n\n"
        return self._release() + self._own("in_progress", self._response)

    def _release(self) -> bytes:
        held, self._held = self._held, b""
        return held

    def _own(self, name: str, response: dict[str, Any]) -> bytes:
        number = jsontext.Number(str(self._number))
        self._number += 1
        members = {"type": f"response.{name}", "response": response, "sequence_number": number}
        return sse.write(jsontext.encode(jsontext.dumps(members)), event=f"response.{name}".encode())

    def _mend(self, kind: str, frame: dict[str, Any]) -> bool:
        changed = False
        for name in PRIVATE:
            changed |= frame.pop(name, None) is not None
        response = frame.get("response")
        if isinstance(response, dict):
            return self._mend_response(kind, response) or changed
        if kind == "response.output_item.added":
            return self._added(frame) or changed
        if not kind.startswith("response."):
            return changed
        index = count(frame.get("output_index"))
        if index is None:
            index = max(0, self._items - 1)
            frame["output_index"] = jsontext.Number(str(index))
            changed = True
        if kind.startswith(_WITH_CONTENT_INDEX) and count(frame.get("content_index")) is None:
            frame["content_index"] = jsontext.Number("0")
            changed = True
        if "item_id" in frame:
            changed |= self._keep_id(index, frame, "item_id")
        if kind == "response.function_call_arguments.done" and not frame.get("arguments"):
            frame["arguments"] = "{}"
            changed = True
        item = frame.get("item")
        if isinstance(item, dict):
            changed |= self._mend_item(index, item)
            if kind == "response.output_item.done":
                self._items = max(self._items, index + 1)
                self._done[index] = item
        return changed

    def _added(self, frame: dict[str, Any]) -> bool:
        given = count(frame.get("output_index"))
        index = self._items if given is None else given
        if given is None:
            frame["output_index"] = jsontext.Number(str(index))
        self._items = max(self._items, index + 1)
        item = mapping(frame.get("item"))
        self._ids.setdefault(index, text(item.get("id")))
        self._called |= item.get("type") in frames.CALLS
        return self._keep_id(index, item, "id") or given is None

    def _keep_id(self, index: int, holder: dict[str, Any], member: str) -> bool:
        """Put the first id of the item where another one came."""
        given = text(holder.get(member))
        kept = self._ids.get(index) or given
        self._ids[index] = kept
        if given == kept:
            return False
        holder[member] = kept
        return True

    def _mend_item(self, index: int, item: dict[str, Any]) -> bool:
        changed = self._keep_id(index, item, "id")
        if item.get("type") in frames.CALLS:
            self._called = True
            if item["type"] == "function_call" and not item.get("arguments"):
                item["arguments"] = "{}"
                changed = True
        return changed

    def _mend_response(self, kind: str, response: dict[str, Any]) -> bool:
        self.response_id = self.response_id or text(response.get("id"))
        self.model = self.model or text(response.get("model"))
        changed = False
        if self.response_id and response.get("id") != self.response_id:
            response["id"] = self.response_id
            changed = True
        if kind not in _ENDS:
            self._response = self._response or response
            return changed
        output = response.get("output")
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if isinstance(item, dict):
                changed |= self._mend_item(index, item)
        status = "incomplete" if kind == "response.incomplete" else response.get("status")
        self.reason = frames.reason_of({**response, "status": status}, called=self._called)
        return changed
