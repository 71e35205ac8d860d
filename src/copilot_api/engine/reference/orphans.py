"""Tool calls without a result and results without a call, which every upstream refuses (upstream.md 4.1).

A result belongs to a call that the assistant made just before, and stands right behind it. One that stands
further on, before the assistant speaks again, is moved up; one whose call is not there becomes text; a call
that has none is given one.
"""

from __future__ import annotations

from dataclasses import replace

from copilot_api.engine.reference.canonical import Block, Conversation, Text, ToolCall, ToolResult, Turn

NO_RESULT = "The tool call was interrupted: it has no result."
_ADDED = "added a result to a tool call that had none"
_AS_TEXT = "sent a tool result without its call as text"
_MOVED = "moved a tool result behind its call"


def repair(conversation: Conversation) -> tuple[Conversation, tuple[str, ...]]:
    """Return a conversation in which calls and results match, and the changes made."""
    turns = conversation.turns
    if not any(isinstance(block, (ToolCall, ToolResult)) for turn in turns for block in turn.blocks):
        return conversation, ()
    made: list[Turn] = []
    changes: list[str] = []
    at = 0
    while at < len(turns):
        begin = at
        while at < len(turns) and turns[at].role == "assistant":
            at += 1
        middle = at
        while at < len(turns) and turns[at].role != "assistant":
            at += 1
        made += _mended(turns[begin:middle], turns[middle:at], changes)
    if len(made) == len(turns) and all(new is old for new, old in zip(made, turns, strict=True)):
        return conversation, ()
    return replace(conversation, turns=tuple(made)), tuple(dict.fromkeys(changes))


def _mended(speakers: tuple[Turn, ...], others: tuple[Turn, ...], changes: list[str]) -> list[Turn]:
    """Mend turns of the assistant and those of others behind them."""
    calls = [call for turn in speakers for call in _calls(turn)]
    if _matches(calls, speakers, others):
        return [*speakers, *others]
    results: list[ToolResult | None] = [None] * len(calls)
    rest: list[Turn] = []
    for number, turn in enumerate(others):
        kept: list[Block] = []
        for block in turn.blocks:
            if not isinstance(block, ToolResult):
                kept.append(block)
                continue
            at = _call_of(block, calls, results)
            if at is None:
                kept += _as_text(block)
                changes.append(_AS_TEXT)
            else:
                results[at] = replace(block, call_id=calls[at].id)
                changes += [_MOVED] if number or kept else []
        if kept or not turn.blocks:
            rest.append(replace(turn, blocks=tuple(kept)))
    changes += [_ADDED for result in results if result is None]
    return _behind_their_calls(speakers, calls, results, rest, changes)


def _behind_their_calls(
    speakers: tuple[Turn, ...],
    calls: list[ToolCall],
    results: list[ToolResult | None],
    rest: list[Turn],
    changes: list[str],
) -> list[Turn]:
    made: list[Turn] = []
    at = 0
    for number, turn in enumerate(speakers):
        made.append(turn)
        end = at + len(_calls(turn))
        blocks = tuple(results[place] or _missing(calls[place]) for place in range(at, end))
        at = end
        if not blocks:
            continue
        if number + 1 < len(speakers):
            changes.append(_MOVED)
        elif rest and rest[0].role == "user":
            rest[0] = replace(rest[0], blocks=(*blocks, *rest[0].blocks), plain=False)
            continue
        made.append(Turn("user", blocks))
    return [*made, *rest]


def _calls(turn: Turn) -> list[ToolCall]:
    return [block for block in turn.blocks if isinstance(block, ToolCall)]


def _matches(calls: list[ToolCall], speakers: tuple[Turn, ...], others: tuple[Turn, ...]) -> bool:
    """Tell whether what follows begins with the results of all calls, and holds no others."""
    wanted = [call.id for call in calls]
    found = [block.call_id for turn in others for block in turn.blocks if isinstance(block, ToolResult)]
    if sorted(wanted) != sorted(found) or len(set(wanted)) != len(wanted):
        return False
    if not wanted:
        return True
    first = others[0].blocks[: len(wanted)]
    return len(first) == len(wanted) == len(_calls(speakers[-1])) and all(
        isinstance(block, ToolResult) for block in first
    )


def _call_of(result: ToolResult, calls: list[ToolCall], results: list[ToolResult | None]) -> int | None:
    """Return the place of the first open call that the result is of: by id, else by name and order."""
    for at, call in enumerate(calls):
        same = call.id == result.call_id if result.call_id else result.name in ("", call.name)
        if same and results[at] is None:
            return at
    return None


def _missing(call: ToolCall) -> ToolResult:
    return ToolResult(call.id, (Text(NO_RESULT),), custom=call.custom, name=call.name)


def _as_text(result: ToolResult) -> list[Block]:
    name = result.name or result.call_id
    return [Text(f"Result of an earlier tool call{f' ({name})' if name else ''}:"), *result.content]
