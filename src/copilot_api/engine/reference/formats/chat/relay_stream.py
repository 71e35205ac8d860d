"""Chat frames to chat clients: bytes pass untouched, but for the quirks of upstream.md 4.4.

Repaired are: choices beyond the first (folded into it), frames without choices and usage (dropped), missing
``object``, ``id``, ``model`` and ``created`` (filled), tool calls that share an index or lack an id, calls
without arguments (given ``{}``), and ``stop`` after a tool call (made ``tool_calls``).
"""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import StreamPlan, Usage
from copilot_api.engine.reference import jsontext, sse
from copilot_api.engine.reference.formats.chat import frames

_KIND = "chat.completion.chunk"


class StreamRepairs:
    """Takes events of a chat stream, gives the bytes for the client.

    A frame with a finish reason is held until the next one: more choices may follow it.
    """

    def __init__(self, _plan: StreamPlan) -> None:
        self.response_id = ""
        self.model = ""
        self.reason = ""
        self.usage: Usage | None = None
        self._created: Any = None
        self._calls = frames.Calls()
        self._held: tuple[sse.Event, dict[str, Any], bool] | None = None

    def frame(self, event: sse.Event, frame: dict[str, Any]) -> bytes:
        """Return what one frame, which is not an error, gives."""
        usage = frames.usage_of(frame)
        if usage is not None:
            self.usage = frames.better(self.usage, usage)
        choices = frames.choices_of(frame)
        if not choices:
            if usage is None:
                return b""
            changed = self._fill(frame)
            return self._release() + self._write(event, frame, changed)
        out = self._release(more=True)
        changed = self._fill(frame) | self._fold(frame, choices)
        changed |= self._mend_calls(frame)
        reason = frames.text(frame["choices"][0].get("finish_reason"))
        if reason:
            self.reason = reason
            self._held = (event, frame, changed)
            return out
        return out + self._write(event, frame, changed)

    def complete(self) -> bytes:
        """Return the held frame and the end mark: no more choices follow."""
        return self._release() + sse.write(b"[DONE]")

    def fail(self, message: str, code: str | None) -> bytes:
        """Return the held frame and an error object."""
        error = {"message": message, "type": "server_error", "param": None, "code": code}
        return self._release() + sse.write(jsontext.encode(jsontext.dumps({"error": error})))

    def keep_alive(self) -> bytes:
        """Return a comment."""
        return b": keep-alive\n\n"

    def _release(self, *, more: bool = False) -> bytes:
        if self._held is None:
            return b""
        (event, frame, changed), self._held = self._held, None
        choice = frame["choices"][0]
        if more:
            # Another choice goes on after this one finished: only the last finish is the client's.
            choice["finish_reason"] = None
            empty = not any(frames.mapping(choice.get("delta")).values()) and not frame.get("usage")
            return b"" if empty else self._write(event, frame, True)
        out = b""
        for call in self._calls.all:
            if not call.wrote:
                call.wrote = True
                out += self._write(sse.Event(), self._empty_arguments(call, frame), True)
        if self._calls.all and choice["finish_reason"] == "stop":
            choice["finish_reason"] = self.reason = "tool_calls"
            changed = True
        return out + self._write(event, frame, changed)

    def _fill(self, frame: dict[str, Any]) -> bool:
        self.response_id = self.response_id or frames.text(frame.get("id"))
        self.model = self.model or frames.text(frame.get("model"))
        if self._created is None and frame.get("created"):
            self._created = frame["created"]
        wanted: dict[str, Any] = {
            "id": self.response_id,
            "object": _KIND,
            "created": self._created,
            "model": self.model,
        }
        changed = False
        for name, value in wanted.items():
            if value and (not frame.get(name) or (name == "object" and frame[name] != value)):
                frame[name] = value
                changed = True
        return changed

    def _fold(self, frame: dict[str, Any], choices: list[dict[str, Any]]) -> bool:
        first = choices[0]
        if len(choices) == 1 and frame["choices"] == choices:
            index = frames.count(first.get("index"))
            first["_choice"] = index or 0
            if index == 0:
                return False
            first["index"] = jsontext.Number("0")
            return True
        delta: dict[str, Any] = {}
        calls: list[Any] = []
        reason = ""
        for choice in choices:
            index = frames.count(choice.get("index")) or 0
            for name, value in frames.mapping(choice.get("delta")).items():
                if name == "tool_calls" and isinstance(value, list):
                    calls += [{**entry, "_choice": index} for entry in value if isinstance(entry, dict)]
                elif isinstance(value, str) and isinstance(delta.get(name), str) and name != "role":
                    delta[name] += value
                elif value is not None or name not in delta:
                    delta[name] = value
            given = frames.text(choice.get("finish_reason"))
            reason = given if given == "tool_calls" or not reason else reason
        if calls:
            delta["tool_calls"] = calls
        frame["choices"] = [
            {**first, "index": jsontext.Number("0"), "delta": delta, "finish_reason": reason or None}
        ]
        frame["choices"][0]["_choice"] = 0
        return True

    def _mend_calls(self, frame: dict[str, Any]) -> bool:
        choice = frame["choices"][0]
        place = choice.pop("_choice")
        fragments = frames.mapping(choice.get("delta")).get("tool_calls")
        if not isinstance(fragments, list):
            return False
        changed = False
        for fragment in fragments:
            if not isinstance(fragment, dict):
                continue
            at = fragment.pop("_choice", place)
            for call, new, entry in self._calls.take(at, [fragment]):
                if frames.count(entry.get("index")) != call.key:
                    entry["index"] = jsontext.Number(str(call.key))
                    changed = True
                if new and not call.id:
                    call.id = entry["id"] = frames.invented_id(call, self.response_id)
                    changed = True
                if frames.text(frames.mapping(entry.get("function")).get("arguments")):
                    call.wrote = True
        return changed

    def _empty_arguments(self, call: frames.Call, frame: dict[str, Any]) -> dict[str, Any]:
        head: dict[str, Any] = {
            name: frame[name] for name in ("id", "object", "created", "model") if name in frame
        }
        entry = {"index": jsontext.Number(str(call.key)), "function": {"arguments": "{}"}}
        choice = {"index": jsontext.Number("0"), "delta": {"tool_calls": [entry]}, "finish_reason": None}
        return {**head, "choices": [choice]}

    def _write(self, event: sse.Event, frame: dict[str, Any], changed: bool) -> bytes:
        data = event.data
        if changed or data is None:
            data = jsontext.encode(jsontext.dumps(frame))
        return sse.write(data, event=event.event or b"", event_id=event.id or b"", retry=event.retry or b"")
