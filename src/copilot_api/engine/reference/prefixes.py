"""Where consecutive requests of a conversation stop being the same: what prompt caches go by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from copilot_api.engine.interfaces import Dialect, InvalidRequest, RequestBody
from copilot_api.engine.prefix_interfaces import Change, Turn
from copilot_api.engine.reference import jsontext

LONGEST = 4096
"""Hashes that are kept of one request; what comes behind them counts into the last."""
MOST = 512
"""Conversations that are remembered; a session has one for each of its agents."""
NEAREST = 32
"""Those of one session that are looked at, the last ones."""
MOST_PIECES = 64 * LONGEST
"""Hashes that are remembered of all of them together."""

_TOOL_MEMBERS = ("name", "description", "input_schema", "text", "type", "parameters", "strict")
_FUNCTION_MEMBERS = ("name", "description", "parameters", "strict")
_OTHER_MEMBERS = ("effort", "summary", "budget_tokens", "display", "format", "verbosity", "mode", "function")
_MEMBERS = (*_TOOL_MEMBERS, *_OTHER_MEMBERS)
"""Members that a path can name."""
_PARAMETERS = (
    *("tool_choice", "thinking", "output_config", "reasoning_effort", "reasoning", "text", "verbosity"),
    *("response_format", "parallel_tool_calls", "prompt_cache_key", "think", "format", "toolConfig"),
    "generationConfig.thinkingConfig",
)
"""Members of a request that part caches."""
_BILLING_LINE = "x-anthropic-billing-header"
"""What begins the first system block of Claude Code; it changes with each of its versions."""


class _Form(IntEnum):
    """Kinds of places, in the order in which models read."""

    TOOL = 0
    DECLARATION = 1
    SYSTEM = 2
    BLOCK = 3
    SAID = 4
    PARAMETER = 5
    MESSAGE = 6


@dataclass(frozen=True, slots=True)
class _Piece:
    form: _Form
    index: tuple[int, ...]
    member: str
    """The end of its path; empty where the path has none."""
    hash: int
    billing: bool = False
    of_model: bool = False

    def same(self, other: _Piece) -> bool:
        mine = (self.form, self.index, self.member, self.hash)
        return mine == (other.form, other.index, other.member, other.hash)

    @property
    def place(self) -> tuple[_Form, tuple[int, ...]]:
        return self.form, self.index


@dataclass(frozen=True, slots=True)
class Chain:
    """The hashes of one request."""

    dialect: Dialect
    pieces: tuple[_Piece, ...]
    marked: bool
    hour: bool

    @property
    def messages(self) -> tuple[_Piece, ...]:
        """The messages, which are its end."""
        return tuple(piece for piece in self.pieces if piece.form is _Form.MESSAGE)

    @property
    def preface(self) -> tuple[_Piece, ...]:
        """What a model reads before them."""
        return tuple(piece for piece in self.pieces if piece.form is not _Form.MESSAGE)

    def path(self, piece: _Piece) -> str:
        """Return the path of a piece in a request of its dialect."""
        messages = {"responses": "input", "gemini": "contents"}.get(self.dialect, "messages")
        system = {"responses": "instructions", "gemini": "systemInstruction"}.get(self.dialect, "system")
        at = piece.index[0]
        path = {
            _Form.TOOL: f"tools[{at}]",
            _Form.DECLARATION: f"tools[{at}].functionDeclarations[{piece.index[-1]}]",
            _Form.SYSTEM: system,
            _Form.BLOCK: f"{system}[{at}]",
            _Form.SAID: f"{messages}[{at}]",
            _Form.PARAMETER: _PARAMETERS[at] if piece.form is _Form.PARAMETER else "",
            _Form.MESSAGE: f"{messages}[{at}]",
        }[piece.form]
        return f"{path}.{piece.member}" if piece.member else path


class _Maker:
    """Makes the chain of one request."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.marked = self.hour = False

    def pieces(self, value: dict[str, Any]) -> Iterator[_Piece]:
        for index, tool in enumerate(_items(value.get("tools"))):
            if self._dialect == "gemini":
                yield from self._declarations(tool, index)
            else:
                yield from self._members(tool, _Piece(_Form.TOOL, (index,), "", 0))
        system, messages = self._conversation(value)
        yield from self._system(system)
        before = 0
        if self._dialect != "messages":
            while before < len(_items(messages)) and _is_of_system(messages[before]):
                yield replace(self._message(messages[before], before), form=_Form.SAID)
                before += 1
        yield from self._parameters(value)
        for index, message in enumerate(_items(messages)[before:], before):
            yield self._message(message, index)
        if messages is not None and not isinstance(messages, list):
            yield _Piece(_Form.MESSAGE, (0,), "", _whole(messages))

    def _conversation(self, value: dict[str, Any]) -> tuple[Any, Any]:
        if self._dialect == "responses":
            return value.get("instructions"), value.get("input")
        if self._dialect == "gemini":
            return value.get("systemInstruction", value.get("system_instruction")), value.get("contents")
        messages = value.get("messages")
        if self._dialect == "ollama":
            return value.get("system"), value.get("messages", value.get("prompt"))
        return value.get("system") if self._dialect == "messages" else None, messages

    def _mark(self, mark: Any) -> None:
        if mark is not None:
            self.marked = True
            self.hour |= isinstance(mark, dict) and mark.get("ttl") == "1h"

    def _declarations(self, tool: Any, index: int) -> Iterator[_Piece]:
        declared = None
        if isinstance(tool, dict):
            declared = tool.get("functionDeclarations", tool.get("function_declarations"))
        if not isinstance(declared, list):
            yield _Piece(_Form.DECLARATION, (index, 0), "", _whole(tool))
            return
        for number, function in enumerate(declared):
            yield from self._members(function, _Piece(_Form.DECLARATION, (index, number), "", 0))

    def _members(self, value: Any, like: _Piece, *, inner: bool = False) -> Iterator[_Piece]:
        if not isinstance(value, dict):
            yield replace(like, hash=_whole(value))
            return
        for name, item in value.items():
            if name == "cache_control":
                self._mark(item)
            elif like.form is _Form.TOOL and not inner and name == "function" and isinstance(item, dict):
                yield from self._members(item, like, inner=True)
            else:
                member = name if name in (_FUNCTION_MEMBERS if inner else _MEMBERS) else ""
                if inner and member:
                    member = f"function.{member}"
                yield replace(like, member=member, hash=hash((name, _whole(item))))

    def _system(self, system: Any) -> Iterator[_Piece]:
        if system is None:
            return
        if not isinstance(system, list) or self._dialect != "messages":
            yield _Piece(_Form.SYSTEM, (0,), "", _whole(system))
            return
        for index, block in enumerate(system):
            text = block.get("text") if isinstance(block, dict) else None
            billing = isinstance(text, str) and text.startswith(_BILLING_LINE)
            yield from self._members(block, _Piece(_Form.BLOCK, (index,), "", 0, billing=billing))

    def _parameters(self, value: dict[str, Any]) -> Iterator[_Piece]:
        for index, name in enumerate(_PARAMETERS):
            outer, _, inner = name.partition(".")
            if name == "text" and self._dialect != "responses":
                continue
            item = value.get(outer)
            if inner:
                item = item.get(inner) if isinstance(item, dict) else None
            if item is not None:
                yield from self._members(item, _Piece(_Form.PARAMETER, (index,), "", 0))

    def _message(self, message: Any, index: int) -> _Piece:
        if not isinstance(message, dict):
            return _Piece(_Form.MESSAGE, (index,), "", _whole(message))
        parts: list[Any] = []
        for name, item in message.items():
            if name == "cache_control":
                self._mark(item)
            else:
                parts.append((name, self._content(item) if name == "content" else _whole(item)))
        of_model = message.get("role") in ("assistant", "model")
        return _Piece(_Form.MESSAGE, (index,), "", hash(tuple(parts)), of_model=of_model)

    def _content(self, content: Any) -> int:
        # Programs write a text as a list of one block in order to mark it.
        if isinstance(content, str):
            return hash((("text", content),))
        if isinstance(content, list):
            return hash(tuple(self._block(block) for block in content))
        return _whole(content)

    def _block(self, block: Any) -> Any:
        if not isinstance(block, dict):
            return _whole(block)
        if "cache_control" in block:
            self._mark(block["cache_control"])
        kept = {name: item for name, item in block.items() if name != "cache_control"}
        if len(kept) == 2 and kept.get("type") == "text" and isinstance(kept.get("text"), str):
            return ("text", kept["text"])
        return hash(tuple((name, _whole(item)) for name, item in kept.items()))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_of_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in ("system", "developer")


def _whole(value: Any) -> int:
    return hash(jsontext.dumps(value))


def _chain(value: Any, dialect: Dialect) -> Chain | None:
    if not isinstance(value, dict) or dialect in ("embeddings", "completions"):
        return None
    maker = _Maker(dialect)
    pieces = list(maker.pieces(value))
    if len(pieces) > LONGEST:
        behind = tuple(piece.hash for piece in pieces[LONGEST - 1 :])
        pieces[LONGEST - 1 :] = [replace(pieces[LONGEST - 1], hash=hash(behind))]
    return Chain(dialect, tuple(pieces), maker.marked, maker.hour)


@dataclass(frozen=True, slots=True)
class _Line:
    session: str
    model: str
    chain: Chain
    tokens: int
    at: float


class ReferencePrefixes:
    """See :class:`copilot_api.engine.prefix_interfaces.Prefixes`."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []

    def chain(self, body: RequestBody, dialect: Dialect) -> Chain | None:
        """Return the hashes of a request."""
        try:
            return _chain(jsontext.loads(bytes(body)), dialect)
        except InvalidRequest:
            return None

    def turn(
        self,
        session: str,
        named: bool,
        model: str,
        chain: object,
        tokens: int,
        at: float,
    ) -> Turn | None:
        """Take a request that was answered; None where it begins a conversation."""
        if not isinstance(chain, Chain):
            return None  # of the native one
        line = _Line(session, model, chain, tokens, at)
        near = [
            (place, old)
            for place, old in enumerate(self._lines)
            if old.session == session and (named or _begins(old.chain, chain))
        ]
        ranked = [
            (rank, place)
            for place, old in near[-NEAREST:]
            if (rank := _rank(old.chain, chain, named=named)) is not None
        ]
        found = self._lines.pop(max(ranked)[1]) if ranked else None
        self._lines.append(line)
        pieces = sum(len(each.chain.pieces) for each in self._lines)
        while len(self._lines) > MOST or pieces > MOST_PIECES:
            pieces -= len(self._lines.pop(0).chain.pieces)
        return None if found is None else _compare(found, line)


def _rank(old: Chain, new: Chain, *, named: bool) -> tuple[int, int] | None:
    """Tell how much of `new` goes on from `old`; None where it begins anew."""
    if old.dialect != new.dialect:
        return None
    before, now = old.messages, new.messages
    messages = sum(one.same(other) for one, other in zip(before, now, strict=False))
    preface = sum(one.same(other) for one, other in zip(old.preface, new.preface, strict=False))
    goes_on = (
        named and any(piece.of_model for piece in now) and preface == max(len(old.preface), len(new.preface))
    )
    return (messages, preface) if _begins(old, new) or messages * 2 > len(before) or goes_on else None


def _begins(old: Chain, new: Chain) -> bool:
    """Tell whether both have the same first message. Of who tells no session only that counts."""
    before, now = old.messages, new.messages
    return bool(before and now) and before[0].same(now[0])


def _compare(old: _Line, new: _Line) -> Turn:
    change, path = _difference(old, new)
    return Turn(
        path,
        change,
        old.tokens,
        new.at - old.at,
        old.chain.marked,
        new.chain.marked,
        old.chain.hour,
    )


def _difference(old: _Line, new: _Line) -> tuple[Change, str]:
    if old.model != new.model:
        return "model", "model"
    before, now = old.chain.pieces, new.chain.pieces
    pairs = enumerate(zip(before, now, strict=False))
    first = next((at for at, (one, other) in pairs if not one.same(other)), min(len(before), len(now)))
    if first == len(before):
        return "kept", ""
    one = before[first]
    if first == len(now):
        return "shortened", old.chain.path(one)
    other = now[first]
    # What is missing on one side stands before what comes instead of it.
    chain, piece = (new.chain, other) if other.place <= one.place else (old.chain, one)
    last = first == len(before) - 1 == len(now) - 1
    change = _change(old.chain, new.chain, piece, last=last)
    if change in ("tool_order", "tool_added", "tool_removed", "tools"):
        piece = replace(piece, member="")
    return change, chain.path(piece)


def _change(old: Chain, new: Chain, piece: _Piece, *, last: bool) -> Change:
    if piece.form in (_Form.TOOL, _Form.DECLARATION):
        return _tools_change(_names(old), _names(new))
    if piece.form is _Form.PARAMETER:
        return "parameter"
    if piece.form is _Form.MESSAGE:
        return "last_message" if last else "message"
    return "billing_header" if piece.billing else "system"


def _tools_change(before: list[int], now: list[int]) -> Change:
    if before == now:
        return "tool_changed"
    kept, had = set(before) <= set(now), set(now) <= set(before)
    if kept and had:
        return "tool_order"
    return "tool_added" if kept else "tool_removed" if had else "tools"


def _names(chain: Chain) -> list[int]:
    """Return what the tools are told apart by: of each the hash of its name, or of its first member."""
    found: dict[tuple[int, ...], tuple[int, bool]] = {}
    for piece in chain.pieces:
        if piece.form > _Form.DECLARATION:
            break
        is_name = piece.member in ("name", "function.name")
        if piece.index not in found or (is_name and not found[piece.index][1]):
            found[piece.index] = piece.hash, is_name
    return [each for each, _ in found.values()]
