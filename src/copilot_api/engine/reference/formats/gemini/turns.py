"""Contents into turns: pieces of one answer joined, calls and responses paired by id, name and order."""

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
from copilot_api.engine.reference.formats.gemini import media, signatures
from copilot_api.engine.reference.formats.gemini.members import (
    Content,
    Part,
    lowered,
    object_at,
    objects_at,
    others,
    text_at,
)

_KINDS = (
    "functionCall",
    "functionResponse",
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "text",
)
_MARKS = ("thought", "thoughtSignature")


def turns_of(contents: list[Content], rewrites: list[str]) -> list[Turn]:
    """Return the turns. Raises :class:`InvalidRequest` for parts that cannot be translated."""
    reader = _Reader(rewrites)
    for content in contents:
        reader.take(content)
    reader.close()
    return reader.turns


class _Reader:
    def __init__(self, rewrites: list[str]) -> None:
        self.turns: list[Turn] = []
        self._rewrites = rewrites
        self._model: list[Block] = []
        self._signed: list[Reasoning] = []
        self._open: list[ToolCall] = []
        """Calls that have no response yet."""
        self._invented = 0

    def take(self, content: Content) -> None:
        # A streamed answer comes back as one content a chunk: they are one turn.
        if content.role == "model":
            for part in content.parts:
                self._of_model(part)
            return
        self.close()
        blocks = [block for part in content.parts for block in self._of_user(part)]
        if not blocks:
            return
        last = self.turns[-1] if self.turns else None
        if last is not None and last.role == "user" and _only_results(last.blocks) and _only_results(blocks):
            self.turns[-1] = Turn("user", (*last.blocks, *blocks))
        else:
            self.turns.append(Turn("user", tuple(blocks)))

    def close(self) -> None:
        """End the model's turn: its carriers belong to its last thoughts, or stand before everything."""
        waiting = [(place, block) for place, block in enumerate(self._model) if isinstance(block, Reasoning)]
        ahead: list[Block] = []
        for signed in reversed(self._signed):
            if waiting and not signed.redacted:
                place, thought = waiting.pop()
                self._model[place] = replace(thought, carrier=signed.carrier)
            else:
                ahead.insert(0, signed)
        if ahead or self._model:
            self.turns.append(Turn("assistant", (*ahead, *self._model)))
        self._model, self._signed = [], []

    def _of_model(self, part: Part) -> None:
        self._signature(part)
        for kind in self._kinds(part):
            path = f"{part.path}.{kind}"
            if kind == "functionResponse":
                raise InvalidRequest("must be in a content of role user", path)
            if kind in ("inlineData", "fileData"):
                self._rewrites.append(f"left out {kind} of the model")
            elif kind == "functionCall":
                self._call(part, path)
            elif kind == "text":
                text = text_at(part.members, kind, part.path)
                self._append(Reasoning(text) if part.members.get("thought") is True else Text(text))
            else:
                self._append(self._code(part, kind))

    def _append(self, piece: Text | Reasoning) -> None:
        last = self._model[-1] if self._model else None
        if isinstance(last, (Text, Reasoning)) and type(last) is type(piece):
            self._model[-1] = replace(last, text=last.text + piece.text)
        elif piece.text:
            self._model.append(piece)

    def _of_user(self, part: Part) -> list[Block]:
        blocks: list[Block] = []
        self._signature(part)
        for kind in self._kinds(part):
            path = f"{part.path}.{kind}"
            if kind == "functionCall":
                raise InvalidRequest("must be in a content of role model", path)
            if kind == "functionResponse":
                blocks.append(self._response(part, path))
            elif kind == "inlineData":
                blocks.append(media.inline(part.members[kind], path, self._rewrites))
            elif kind == "fileData":
                blocks.append(media.file(part.members[kind], path))
            elif kind == "text":
                text = text_at(part.members, kind, part.path)
                if text:
                    blocks.append(Text(text))
            else:
                blocks.append(self._code(part, kind))
        return blocks

    def _kinds(self, part: Part) -> list[str]:
        kinds = [kind for kind in _KINDS if kind in part.members]
        unknown = others(part.members, (*_KINDS, *_MARKS))
        if unknown and not kinds:
            raise InvalidRequest(f"parts with {unknown[0]} cannot be sent to this model", part.path)
        self._rewrites += [f"dropped {name} of a part" for name in unknown]
        return kinds

    def _signature(self, part: Part) -> None:
        signature = text_at(part.members, "thoughtSignature", part.path)
        found = signatures.read(signature) if signature else []
        if found is None:
            self._rewrites.append("dropped a thoughtSignature that is not of this gateway")
        else:
            self._signed += found

    def _code(self, part: Part, kind: str) -> Text:
        path = f"{part.path}.{kind}"
        members = object_at(part.members[kind], path)
        self._rewrites.append(f"{kind} sent as text")
        if kind == "executableCode":
            language = lowered(text_at(members, "language", path))
            return Text(f"\n```{language}\n{text_at(members, 'code', path)}\n```\n")
        return Text(f"\n```\n{text_at(members, 'output', path)}\n```\n")

    def _call(self, part: Part, path: str) -> None:
        members = object_at(part.members["functionCall"], path)
        name, call_id = _name(members, path), text_at(members, "id", path)
        arguments = members.get("args", {})
        if not isinstance(arguments, dict):
            raise InvalidRequest("must be an object", f"{path}.args")
        if not call_id:
            # Counted, so that a longer history of the same conversation gives the same ids.
            call_id = f"call_gemini_{self._invented}"
            self._invented += 1
        call = ToolCall(call_id, name, jsontext.dumps(arguments))
        self._open.append(call)
        self._model.append(call)

    def _response(self, part: Part, path: str) -> ToolResult:
        members = object_at(part.members["functionResponse"], path)
        name, call_id = _name(members, path), text_at(members, "id", path)
        call = next((call for call in self._open if call_id and call.id == call_id), None)
        if call is None:
            call = next((call for call in self._open if call.name == name), None)
        if call is None:
            raise InvalidRequest("answers no function call", path)
        self._open.remove(call)
        text, failed = _outcome(object_at_raw(members.get("response"), f"{path}.response"))
        content: list[Text | Image | File] = [Text(text)]
        for piece, place in objects_at(members.get("parts"), f"{path}.parts"):
            if "inlineData" in piece:
                content.append(media.inline(piece["inlineData"], f"{place}.inlineData", self._rewrites))
            elif "fileData" in piece:
                content.append(media.file(piece["fileData"], f"{place}.fileData"))
            else:
                raise InvalidRequest("must hold inlineData or fileData", place)
        return ToolResult(call.id, tuple(content), is_error=failed, name=name)


def object_at_raw(value: Any, path: str) -> dict[str, Any]:
    """Return an object whose members are the client's own: their names stay."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("must be an object", path)
    return value


def _outcome(response: dict[str, Any]) -> tuple[str, bool]:
    """Return the text of a response, and whether the function failed (`output` and `error` are Google's)."""
    if len(response) == 1:
        for name in ("output", "error"):
            if name in response:
                value = response[name]
                return value if isinstance(value, str) else jsontext.dumps(value), name == "error"
    return jsontext.dumps(response), False


def _name(members: dict[str, Any], path: str) -> str:
    name = text_at(members, "name", path)
    if not name:
        raise InvalidRequest("must be a function name", f"{path}.name")
    return name


def _only_results(blocks: tuple[Block, ...] | list[Block]) -> bool:
    return all(isinstance(block, ToolResult) for block in blocks)
