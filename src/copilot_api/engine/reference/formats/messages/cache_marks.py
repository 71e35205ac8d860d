"""Breakpoints of the prompt cache: at most four, in the form upstream takes (upstream.md 6.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.draft import Draft
from copilot_api.engine.reference.formats.messages.mend_turns import is_thinking

LIMIT = 4
_MARK = "cache_control"


def mend(draft: Draft) -> None:
    """Mend the marks that came; of too many the last of the fixed part and the last ones stay."""
    fixed: list[tuple[str, dict[str, Any]]] = []
    moving: list[tuple[str, dict[str, Any]]] = []
    for member in ("tools", "system", "messages"):
        for block in _blocks(draft.request.get(member)):
            if isinstance(block.get(_MARK), dict) and _mend_one(draft, member, block):
                (moving if member == "messages" else fixed).append((member, block))
    marks = fixed + moving
    if len(marks) <= LIMIT:
        return
    # The fixed part changes least: its end stays marked, whatever the conversation wants.
    staying = [fixed[-1], *moving[1 - LIMIT :]] if fixed and len(moving) >= LIMIT else marks[-LIMIT:]
    kept = {id(block) for _, block in staying}
    for member, block in marks:
        if id(block) not in kept:
            del block[_MARK]
            draft.touch(member, f"removed cache marks beyond the {LIMIT} that upstream takes")


def has_any(request: dict[str, Any]) -> bool:
    """Tell whether the client marked anything itself."""
    members = ("tools", "system", "messages")
    return any(_MARK in block for member in members for block in _blocks(request.get(member)))


def add(request: dict[str, Any]) -> None:
    """Mark the ends of the tools, of the system prompt and of the last two user turns."""
    ends = [_last(request.get("tools")), _last(request.get("system"))]
    turns = [turn for turn in request["messages"] if turn["role"] == "user"]
    ends += [_last(turn["content"]) for turn in turns[-2:]]
    for block in ends:
        if block is not None:
            block[_MARK] = {"type": "ephemeral"}


def _last(blocks: Any) -> dict[str, Any] | None:
    return blocks[-1] if isinstance(blocks, list) and blocks else None


def _mend_one(draft: Draft, member: str, block: dict[str, Any]) -> bool:
    if is_thinking(block):
        del block[_MARK]
        draft.touch(member, "removed cache marks on thinking")
        return False
    mark = block[_MARK]
    if "ttl" in mark and not draft.has_beta("extended-cache-ttl-"):
        del mark["ttl"]
        draft.touch(member, "removed ttl of cache_control, whose beta upstream does not get")
    if "scope" in mark:
        del mark["scope"]
        draft.touch(member, "removed scope of cache_control")
    return True


def _blocks(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all blocks that may be marked, in order: those within a result before the result itself."""
    for item in value if isinstance(value, list) else ():
        content = frames.mapping(item).get("content")
        if isinstance(content, list):
            yield from _blocks(content)
        if isinstance(item, dict) and "role" not in item:
            yield item
