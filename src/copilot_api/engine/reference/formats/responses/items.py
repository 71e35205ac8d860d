"""Items of ``input`` as turns of a conversation (upstream.md 5.2, 10.2).

What an assistant said, thought and called between two answers of others is one turn, as it was one answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    Block,
    File,
    Image,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.chat.frames import mapping, text
from copilot_api.engine.reference.formats.responses import seals, tools

_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_ASSISTANT = ("reasoning", "function_call", "custom_tool_call", "local_shell_call", "tool_search_call")
_OUTPUTS = (
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "tool_search_output",
)


class Reader:
    """Takes items in order; :attr:`turns` is the conversation so far."""

    def __init__(self, offered: tools.Offered) -> None:
        self.turns: list[Turn] = []
        self.rewrites: list[str] = []
        self._offered = offered

    def take(self, item: dict[str, Any], path: str) -> None:
        """Read one item, which validation accepted. Raises :class:`InvalidRequest`."""
        kind = item.get("type", "message")
        if kind == "message":
            self._message(item, path)
        elif kind in _ASSISTANT:
            self._extend("assistant", self._assistant(kind, item))
        elif kind in _OUTPUTS:
            self._extend("user", [self._output(kind, item, path)])
        elif kind == "agent_message":
            self.rewrites.append("sent agent_message as a message")
            blocks = self._parts(item.get("content"), f"{path}.content")
            self.turns.append(Turn("user", tuple(blocks)))
        elif kind == "additional_tools":
            self._add_tools(item)
        else:
            self.rewrites.append(f"dropped {jsontext.well_formed(kind)}")

    def _message(self, item: dict[str, Any], path: str) -> None:
        role, content = item["role"], item["content"]
        blocks = self._parts(content, f"{path}.content")
        if role == "assistant":
            self._extend("assistant", blocks)
        else:
            plain = isinstance(content, str)
            self.turns.append(Turn("user" if role == "user" else "system", tuple(blocks), plain=plain))

    def _assistant(self, kind: str, item: dict[str, Any]) -> list[Block]:
        if kind == "reasoning":
            return [_reasoning(item)]
        call_id = text(item.get("call_id")) or text(item.get("id"))
        if kind == "custom_tool_call":
            arguments = tools.wrapped(item["input"])
        elif kind == "function_call":
            arguments = item["arguments"] if item["arguments"].strip() else "{}"
        elif kind == "local_shell_call":
            self.rewrites.append("sent local_shell_call as a function call")
            return [ToolCall(call_id, "local_shell", jsontext.dumps(item.get("action")))]
        else:
            given = item.get("arguments")
            return [
                ToolCall(call_id, tools.SEARCH, given if isinstance(given, str) else jsontext.dumps(given))
            ]
        return [ToolCall(call_id, tools.flat(text(item.get("namespace")), item["name"]), arguments)]

    def _output(self, kind: str, item: dict[str, Any], path: str) -> ToolResult:
        call_id = text(item.get("call_id")) or text(item.get("id"))
        if kind == "tool_search_output":
            self._add_tools(item)
            found = jsontext.dumps({"tools": item.get("tools")})
            return ToolResult(call_id, (Text(found),))
        blocks = self._parts(item.get("output"), f"{path}.output")
        return ToolResult(call_id, tuple(b for b in blocks if isinstance(b, (Text, Image, File))))

    def _add_tools(self, item: dict[str, Any]) -> None:
        found = item.get("tools")
        for tool in found if isinstance(found, list) else ():
            self._offered.add(mapping(tool))

    def _extend(self, role: Any, blocks: list[Block]) -> None:
        """Add to the last turn if it is of the same speaker: user turns only when both hold results alone."""
        last = self.turns[-1] if self.turns else None
        if last is not None and last.role == role and (role == "assistant" or _is_results(last)):
            blocks = _joined(last.blocks, blocks)
            self.turns[-1] = Turn(role, tuple(blocks))
        else:
            self.turns.append(Turn(role, tuple(blocks)))

    def _parts(self, content: Any, path: str) -> list[Block]:
        if isinstance(content, str):
            return [Text(content)]
        blocks: list[Block] = []
        for number, part in enumerate(content if isinstance(content, list) else ()):
            blocks += self._part(mapping(part), f"{path}[{number}]")
        return blocks

    def _part(self, part: dict[str, Any], path: str) -> list[Block]:
        kind = text(part.get("type"))
        if kind in _TEXTS:
            return [Text(text(part.get("text")))]
        if kind == "refusal":
            return [Text(text(part.get("refusal")))]
        if kind == "input_image":
            return [_image(part, path)]
        if kind == "input_file":
            return [_file(part, path)]
        if kind == "encrypted_content":
            self.rewrites.append("dropped encrypted_content")
            return []
        kind = jsontext.well_formed(kind)
        if isinstance(part.get("text"), str):
            self.rewrites.append(f"{kind} sent as text")
            return [Text(part["text"])]
        raise InvalidRequest(f'parts of type "{kind}" cannot be sent to this model', path)


def _is_results(turn: Turn) -> bool:
    return bool(turn.blocks) and all(isinstance(block, ToolResult) for block in turn.blocks)


def _joined(before: tuple[Block, ...], blocks: list[Block]) -> list[Block]:
    """Return both; a carrier that came after its reasoning was closed goes back to it."""
    made = list(before)
    for block in blocks:
        if not (_is_late_carrier(block) and _give_carrier(made, block)):
            made.append(block)
    return made


def _is_late_carrier(block: Block) -> bool:
    return isinstance(block, Reasoning) and bool(block.carrier) and not block.text


def _give_carrier(blocks: list[Block], late: Block) -> bool:
    carrier = getattr(late, "carrier", "")
    for at in reversed(range(len(blocks))):
        block = blocks[at]
        if isinstance(block, Reasoning) and block.text and not block.carrier:
            blocks[at] = replace(block, carrier=carrier)
            return True
    return False


def _reasoning(item: dict[str, Any]) -> Reasoning:
    return Reasoning(seals.thought(item), text(item.get("encrypted_content")))


def _image(part: dict[str, Any], path: str) -> Image:
    url = part.get("image_url")
    url = text(mapping(url).get("url")) if isinstance(url, dict) else text(url)
    if not url:
        raise InvalidRequest("files are not stored here: send the picture as a data URL", f"{path}.image_url")
    return Image(url, text(part.get("detail")))


def _file(part: dict[str, Any], path: str) -> File:
    data = text(part.get("file_data"))
    if not data:
        raise InvalidRequest("files are not stored here: send the document itself", f"{path}.file_data")
    media, name = "application/pdf", text(part.get("filename"))
    if data.startswith("data:"):
        head, _, data = data[len("data:") :].partition(",")
        media = head.partition(";")[0] or media
    return File(data, media, name)
