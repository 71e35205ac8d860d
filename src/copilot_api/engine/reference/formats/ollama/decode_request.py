"""An Ollama request, ``/api/chat`` or ``/api/generate``, into a conversation (upstream.md 10.5)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    AnswerContext,
    Block,
    Conversation,
    Decoded,
    Image,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.thinking import shown
from copilot_api.engine.reference.formats.ollama.options import options_of, thinking_of

_KINDS = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)
"""How pictures begin in base64."""


def decode_request(value: dict[str, Any], _plan: RequestPlan) -> Decoded:
    """Return the conversation and the changes that were made. Raises :class:`InvalidRequest`."""
    rewrites: list[str] = []
    echo: dict[str, Any] = {"model": value["model"]}
    if "messages" in value:
        reader = _Reader(rewrites)
        for number, message in enumerate(value["messages"] or ()):
            reader.take(message, f"messages[{number}]", number)
        turns = reader.turns
    else:
        echo["generate"] = True
        turns = _generate(value)
    thinking, asked = shown(thinking_of(value))
    echo |= asked
    conversation = Conversation(
        model=value["model"],
        turns=tuple(turns),
        options=options_of(value, rewrites),
        tools=_tools(value.get("tools")),
        thinking=thinking,
    )
    return Decoded(conversation, tuple(dict.fromkeys(rewrites)), AnswerContext(echo=echo))


def _generate(value: dict[str, Any]) -> list[Turn]:
    system = frames.text(value.get("system"))
    turns = [Turn("system", (Text(system),), plain=True)] if system else []
    pictures = _pictures(value, "")
    turns.append(Turn("user", (Text(frames.text(value.get("prompt"))), *pictures), plain=not pictures))
    return turns


class _Reader:
    """Collects turns; pairs results with calls, which have no ids in most clients."""

    def __init__(self, rewrites: list[str]) -> None:
        self.turns: list[Turn] = []
        self._rewrites = rewrites
        self._open: list[ToolCall] = []
        """Calls that have no result yet."""

    def take(self, message: dict[str, Any], path: str, number: int) -> None:
        """Add one message."""
        role, content = message["role"], frames.text(message.get("content"))
        pictures = _pictures(message, f"{path}.")
        if role == "tool":
            self._result(message, content, pictures)
            return
        if pictures and role != "user":
            self._rewrites.append(f"dropped pictures of a message of role {role}")
            pictures = []
        blocks: list[Block] = []
        if role == "assistant":
            self._open.clear()
            if thought := frames.text(message.get("thinking")):
                blocks.append(Reasoning(thought))
            calls = _calls(message.get("tool_calls"), path, number)
            self._open += calls
            blocks += [Text(content)] if content else []
            blocks += calls
            if not blocks:
                return
        else:
            blocks += [Text(content), *pictures]
        plain = len(blocks) <= 1 and all(isinstance(block, Text) for block in blocks)
        self.turns.append(Turn(role, tuple(blocks), plain=plain))

    def _result(self, message: dict[str, Any], content: str, pictures: list[Image]) -> None:
        name = frames.text(message.get("tool_name")) or frames.text(message.get("name"))
        call = self._answered(frames.text(message.get("tool_call_id")), name)
        if call is None:
            self._rewrites.append("sent a tool result that answers no call as text")
            head = f"Result of the tool {name}:\n" if name else ""
            self.turns.append(Turn("user", (Text(head + content), *pictures), plain=not pictures))
            return
        result = ToolResult(call.id, (Text(content), *pictures), name=call.name)
        last = self.turns[-1]
        if last.role == "user" and all(isinstance(block, ToolResult) for block in last.blocks):
            self.turns[-1] = Turn("user", (*last.blocks, result))
        else:
            self.turns.append(Turn("user", (result,)))

    def _answered(self, call_id: str, name: str) -> ToolCall | None:
        """Return the call that a result is of: by its id, else the first open one of that name, or of all."""
        found = next((call for call in self._open if call_id and call.id == call_id), None)
        found = found or next((call for call in self._open if name and call.name == name), None)
        if found is None and self._open and not name:
            found = self._open[0]
        if found is not None:
            self._open.remove(found)
        return found


def _calls(calls: Any, path: str, number: int) -> list[ToolCall]:
    if calls is not None and not isinstance(calls, list):
        raise InvalidRequest("must be a list", f"{path}.tool_calls")
    found = []
    for place, call in enumerate(calls or ()):
        where = f"{path}.tool_calls[{place}]"
        function = frames.mapping(frames.mapping(call).get("function"))
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidRequest("must be a string", f"{where}.function.name")
        call_id = frames.text(call.get("id")) or f"call_{number}_{place}"
        arguments = function.get("arguments")
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, str):
            arguments = jsontext.dumps(arguments)
        found.append(ToolCall(call_id, name, arguments))
    return found


def _pictures(value: dict[str, Any], path: str) -> list[Image]:
    found = []
    for number, data in enumerate(value.get("images") or ()):
        where = f"{path}images[{number}]"
        if not isinstance(data, str):
            raise InvalidRequest("must be a string", where)
        if data.startswith("data:"):
            found.append(Image(data))
            continue
        kind = next((kind for start, kind in _KINDS if data.startswith(start)), None)
        if kind is None:
            raise InvalidRequest("must be a PNG, JPEG, GIF or WebP picture in base64", where)
        found.append(Image(f"data:{kind};base64,{data}"))
    return found


def _tools(tools: Any) -> tuple[Tool, ...] | None:
    if not tools:
        return None
    found = []
    for number, tool in enumerate(tools):
        function = frames.mapping(frames.mapping(tool).get("function"))
        if not isinstance(function.get("name"), str) or not function["name"]:
            raise InvalidRequest("must be a string", f"tools[{number}].function.name")
        found.append(
            Tool({key: function[key] for key in ("name", "description", "parameters") if function.get(key)})
        )
    return tuple(found)
