"""Tool names that upstream refuses, made to fit and turned back in the answer (upstream.md 4.1, 11.3)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Block, Conversation, Tool, ToolCall, ToolResult, Turn

LONGEST = 64
_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_DIGITS = 8


def fitting(name: str) -> str:
    """Return a legal name: the same one for the same name, in the history and in the tool list alike."""
    if _LEGAL.match(name):
        return name
    digest = hashlib.sha256(jsontext.encode(name)).hexdigest()[:_DIGITS]
    return f"{_ILLEGAL.sub('_', name)[: LONGEST - _DIGITS - 1]}_{digest}"


def fit(conversation: Conversation) -> tuple[Conversation, dict[str, str], tuple[str, ...]]:
    """Return the conversation with legal names, the client's names by them, and the changes made."""
    used = [_name(tool) for tool in conversation.tools or ()]
    blocks = [block for turn in conversation.turns for block in turn.blocks]
    used += [block.name for block in blocks if isinstance(block, ToolCall)]
    changed = {name: fitting(name) for name in used if name and not _LEGAL.match(name)}
    if not changed:
        return conversation, {}, ()
    fitted = replace(
        conversation,
        turns=tuple(replace(turn, blocks=_blocks(turn, changed)) for turn in conversation.turns),
        tools=None
        if conversation.tools is None
        else tuple(_tool(tool, changed) for tool in conversation.tools),
        tool_choice=_choice(conversation.tool_choice, changed),
    )
    rewrites = tuple(
        f"tool {jsontext.well_formed(name)} sent as {short}" for name, short in sorted(changed.items())
    )
    return fitted, {short: name for name, short in changed.items()}, rewrites


def _name(tool: Tool) -> str:
    name = tool.members.get("name")
    return name if isinstance(name, str) else ""


def _blocks(turn: Turn, changed: dict[str, str]) -> tuple[Block, ...]:
    return tuple(
        replace(block, name=changed.get(block.name, block.name))
        if isinstance(block, (ToolCall, ToolResult))
        else block
        for block in turn.blocks
    )


def _tool(tool: Tool, changed: dict[str, str]) -> Tool:
    name = _name(tool)
    return replace(tool, members={**tool.members, "name": changed[name]}) if name in changed else tool


def _choice(choice: Any, changed: dict[str, str]) -> Any:
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        name = choice["function"].get("name")
        if isinstance(name, str) and name in changed:
            return {**choice, "function": {**choice["function"], "name": changed[name]}}
    return choice
