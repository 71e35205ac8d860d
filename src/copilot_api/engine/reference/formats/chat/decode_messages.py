"""Messages of a chat request into turns (upstream.md 4.1, 10.1)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    Block,
    File,
    Image,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.chat import frames, opaque

_CACHE = ("cache_control", "copilot_cache_control")
_READ = {
    "system": ("role", "content", *_CACHE),
    "user": ("role", "content", *_CACHE),
    "assistant": (
        *("role", "content", "refusal", "tool_calls", "function_call", "reasoning_text"),
        *("reasoning_content", "reasoning", "reasoning_opaque", *_CACHE),
    ),
    "tool": ("role", "content", "tool_call_id", "name", *_CACHE),
    "function": ("role", "content", "name", *_CACHE),
}
_ROLES = {**{role: role for role in _READ}, "developer": "system"}


def turns_of(messages: list[Any], rewrites: list[str]) -> list[Turn]:
    """Return the turns. Raises :class:`InvalidRequest` for what cannot be translated."""
    reader = _Reader(rewrites)
    for number, message in enumerate(messages):
        reader.take(message, f"messages[{number}]")
    return reader.turns


def cache_of(value: dict[str, Any]) -> Any:
    """Return the cache marker of a message, part or tool; None when there is none."""
    return next((value[name] for name in _CACHE if value.get(name) is not None), None)


class _Reader:
    """Collects turns; knows which calls were made, and of what kind."""

    def __init__(self, rewrites: list[str]) -> None:
        self.turns: list[Turn] = []
        self._rewrites = rewrites
        self._custom: set[str] = set()
        self._legacy: list[tuple[str, str]] = []
        """Names and ids of calls in the form that had no ids."""

    def take(self, message: dict[str, Any], path: str) -> None:
        """Add one message."""
        role = _ROLES.get(frames.text(message.get("role")))
        if role is None:
            raise InvalidRequest(
                "must be system, developer, user, assistant, tool or function", f"{path}.role"
            )
        for name, value in message.items():
            if name not in _READ[role] and value is not None:
                self._rewrites.append(f"dropped {jsontext.well_formed(name)} of a message")
        content = message.get("content")
        marker = cache_of(message)
        for part in content if isinstance(content, list) else ():
            found = cache_of(part)
            marker = marker if found is None else found
        if role in ("tool", "function"):
            self._result(message, role, path, marker)
            return
        blocks = _blocks(content, path)
        if role == "assistant":
            blocks = self._assistant(message, blocks, path)
        elif role == "system" and not all(isinstance(block, Text) for block in blocks):
            raise InvalidRequest("a system message holds text only", f"{path}.content")
        plain = isinstance(content, str) or (content is None and not blocks)
        kind: Any = role
        self.turns.append(Turn(kind, tuple(blocks), plain=plain, cache=marker))

    def _assistant(self, message: dict[str, Any], blocks: list[Block], path: str) -> list[Block]:
        thought = frames.reasoning_text(message) or frames.text(message.get("reasoning"))
        found: list[Block] = [*opaque.unpack(thought, frames.text(message.get("reasoning_opaque")))]
        found += [block for block in blocks if not isinstance(block, Text) or block.text]
        if refusal := frames.text(message.get("refusal")):
            found.append(Text(refusal))
        calls = message.get("tool_calls")
        if calls is not None and not isinstance(calls, list):
            raise InvalidRequest("must be a list", f"{path}.tool_calls")
        for number, call in enumerate(calls or ()):
            found.append(self._call(call, f"{path}.tool_calls[{number}]"))
        legacy = message.get("function_call")
        if isinstance(legacy, dict):
            name = _name(legacy, f"{path}.function_call")
            call_id = f"call_{len(self._legacy)}"
            self._legacy.append((name, call_id))
            found.append(ToolCall(call_id, name, _arguments(legacy, f"{path}.function_call")))
        return found

    def _call(self, call: Any, path: str) -> ToolCall:
        if not isinstance(call, dict):
            raise InvalidRequest("must be an object", path)
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id:
            raise InvalidRequest("must be a string", f"{path}.id")
        custom = call.get("custom")
        if isinstance(custom, dict):
            self._custom.add(call_id)
            where = f"{path}.custom"
            return ToolCall(call_id, _name(custom, where), frames.text(custom.get("input")), custom=True)
        function, where = call.get("function"), f"{path}.function"
        if not isinstance(function, dict):
            raise InvalidRequest("must be an object", where)
        return ToolCall(call_id, _name(function, where), _arguments(function, where))

    def _result(self, message: dict[str, Any], role: str, path: str, marker: Any) -> None:
        name = frames.text(message.get("name"))
        if role == "function":
            made = [call_id for called, call_id in self._legacy if called == name]
            if not made:
                raise InvalidRequest("names no function that was called", f"{path}.name")
            call_id = made[-1]
        else:
            call_id = frames.text(message.get("tool_call_id"))
            if not call_id:
                raise InvalidRequest("must be a string", f"{path}.tool_call_id")
        content = []
        for block in _blocks(message.get("content"), path):
            if not isinstance(block, (Text, Image, File)):
                raise InvalidRequest("holds text, images and files only", f"{path}.content")
            content.append(block)
        result = ToolResult(call_id, tuple(content), custom=call_id in self._custom, name=name)
        last = self.turns[-1] if self.turns else None
        if last is not None and last.cache is None and last.blocks and _only_results(last):
            self.turns[-1] = Turn("user", (*last.blocks, result), cache=marker)
        else:
            self.turns.append(Turn("user", (result,), cache=marker))


def _only_results(turn: Turn) -> bool:
    return all(isinstance(block, ToolResult) for block in turn.blocks)


def _name(value: dict[str, Any], path: str) -> str:
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidRequest("must be a string", f"{path}.name")
    return name


def _arguments(function: dict[str, Any], path: str) -> str:
    arguments = function.get("arguments")
    if arguments is None or arguments == "":
        return "{}"
    if isinstance(arguments, dict):
        return jsontext.dumps(arguments)
    if not isinstance(arguments, str):
        raise InvalidRequest("must be a string", f"{path}.arguments")
    return arguments


def _blocks(content: Any, path: str) -> list[Block]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)]
    return [_part(part, f"{path}.content[{number}]") for number, part in enumerate(content)]


def _part(part: dict[str, Any], path: str) -> Text | Image | File:
    kind = frames.text(part.get("type"))
    if kind == "image_url":
        return _image(part.get("image_url"), f"{path}.image_url")
    if kind == "file":
        return _file(frames.mapping(part.get("file")), f"{path}.file")
    if kind == "input_audio":
        raise InvalidRequest("audio cannot be sent to this model", path)
    if kind == "refusal":
        return Text(frames.text(part.get("refusal")))
    if isinstance(part.get("text"), str):
        return Text(part["text"])
    if kind == "text":
        raise InvalidRequest("must be a string", f"{path}.text")
    raise InvalidRequest(f'parts of type "{jsontext.well_formed(kind)}" cannot be sent to this model', path)


def _image(value: Any, path: str) -> Image:
    if isinstance(value, str) and value:
        return Image(value)
    url = frames.mapping(value).get("url")
    if not isinstance(url, str) or not url:
        raise InvalidRequest("must be a string", f"{path}.url")
    return Image(url, frames.text(value.get("detail")))


def _file(value: dict[str, Any], path: str) -> File:
    data = value.get("file_data")
    if not isinstance(data, str):
        raise InvalidRequest("files cannot be referred to by an id: send file_data", path)
    name = frames.text(value.get("filename"))
    head, mark, body = data.partition(";base64,")
    if mark and head.startswith("data:"):
        return File(body, head[len("data:") :], name)
    return File(data, "application/pdf", name)
