"""The conversation of a request in Anthropic's form (upstream.md 6.2, clients.md 1)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.draft import Draft

GO_ON = "Please continue."
"""What the user says where the conversation ends with the assistant: upstream takes no prefilled answer."""

FOLDED = "system messages within the conversation sent as the user's"
_SEARCH_BLOCKS = ("server_tool_use", "tool_search_tool_result")
_SERVER_BLOCKS = (
    *_SEARCH_BLOCKS,
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
)
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


def mend(draft: Draft) -> None:
    """Mend ``messages``."""
    messages = draft.request.get("messages")
    if not isinstance(messages, list):
        return
    turns: list[Any] = []
    moved = False
    for message in messages:
        if not isinstance(message, dict):
            turns.append(message)
            continue
        content = message.get("content")
        if isinstance(content, list):
            message["content"] = _blocks(draft, content)
        if message.get("role") == "system":
            message["role"] = "user"
            message["content"] = _reminders(message.get("content"))
            moved = True
            draft.touch("messages", FOLDED)
        if _is_empty(message) and len(messages) > 1:
            moved = True
            draft.touch("messages", "removed empty messages")
            continue
        turns.append(message)
    draft.request["messages"] = _merged(turns) if moved else turns
    _end(draft, draft.request["messages"])


def reminder(text: str) -> str:
    """Return a system message as the user's text, marked as Claude Code marks what the program says."""
    if text.lstrip().startswith("<system-reminder>"):
        return text
    return f"<system-reminder>\n{text}\n</system-reminder>"


def _reminders(content: Any) -> list[Any]:
    blocks = _listed(content)
    for block in blocks:
        text = frames.mapping(block).get("text")
        if isinstance(text, str):
            block["text"] = reminder(text)
    return blocks


def _is_empty(message: dict[str, Any]) -> bool:
    content = message.get("content")
    if isinstance(content, str):
        return not content.strip()
    return content is None or content == []


def _merged(turns: list[Any]) -> list[Any]:
    """Return turns of alternating roles; results stay before what else the user says."""
    merged: list[Any] = []
    for turn in turns:
        last = merged[-1] if merged else None
        if not isinstance(last, dict) or not isinstance(turn, dict) or last.get("role") != turn.get("role"):
            merged.append(turn)
            continue
        blocks = [*_listed(last.get("content")), *_listed(turn.get("content"))]
        if turn.get("role") == "assistant":
            blocks = _one_thought(_listed(last.get("content")), _listed(turn.get("content")))
        results = [block for block in blocks if _kind(block) == "tool_result"]
        last["content"] = results + [block for block in blocks if _kind(block) != "tool_result"]
    return merged


def _one_thought(first: list[Any], second: list[Any]) -> list[Any]:
    """Join two assistant turns; only one may keep its thinking, the one with the tool calls."""
    if not any(is_thinking(block) for block in first) or not any(is_thinking(block) for block in second):
        return first + second
    if any(_kind(block) == "tool_use" for block in first):
        return first + [block for block in second if not is_thinking(block)]
    return [block for block in first if not is_thinking(block)] + second


def _listed(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    return content if isinstance(content, list) else []


def _end(draft: Draft, turns: list[Any]) -> None:
    if turns and frames.mapping(turns[-1]).get("role") == "assistant":
        turns.append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
        draft.touch("messages", f'left out prefilling: after the last turn the user says "{GO_ON}"')


def _kind(block: Any) -> str:
    return frames.text(frames.mapping(block).get("type"))


def is_thinking(block: Any) -> bool:
    """Tell whether a block holds the model's reasoning."""
    return _kind(block) in ("thinking", "redacted_thinking")


def _blocks(draft: Draft, blocks: list[Any]) -> list[Any]:
    return [block for block in blocks if not isinstance(block, dict) or _block(draft, block)]


def _block(draft: Draft, block: dict[str, Any]) -> bool:
    """Mend one block; return whether it stays."""
    kind = _kind(block)
    if kind == "text":
        text = block.get("text")
        if isinstance(text, str) and not text.strip():
            draft.touch("messages", "removed blank text")
            return False
    elif kind in ("thinking", "redacted_thinking"):
        return _thought(draft, block, "signature" if kind == "thinking" else "data")
    elif kind == "tool_use":
        _legal_id(draft, block, "id")
    elif kind == "tool_result":
        _legal_id(draft, block, "tool_use_id")
        if isinstance(block.get("content"), list):
            block["content"] = _blocks(draft, block["content"])
    elif kind == "tool_reference" and not draft.has_beta("advanced-tool-use-"):
        name = frames.text(block.get("tool_name"))
        block.clear()
        block.update({"type": "text", "text": f"Tool {name} is available."})
        draft.touch("messages", "tool_reference sent as text")
    elif kind in _SERVER_BLOCKS and not (kind in _SEARCH_BLOCKS and _is_search(draft, block)):
        draft.touch("messages", f"dropped {kind}")
        return False
    return True


def _is_search(draft: Draft, block: dict[str, Any]) -> bool:
    if not draft.has_beta("advanced-tool-use-"):
        return False
    return block["type"] != "server_tool_use" or frames.text(block.get("name")).startswith("tool_search")


def _thought(draft: Draft, block: dict[str, Any], member: str) -> bool:
    """Keep reasoning only where its carrier is of this model and leg."""
    carrier, plan = frames.text(block.get(member)), draft.plan
    if plan.without_reasoning:
        draft.touch("messages", "dropped reasoning, which upstream refused")
        return False
    if carriers.read(carrier) is not None:
        carrier = carriers.fitting(carrier, plan.leg, plan.target)
        block[member] = carrier
        if carrier:
            draft.touch("messages", "took the gateway's mark off reasoning")
    if not carrier:
        draft.touch("messages", "dropped reasoning of another model")
        return False
    return True


def _legal_id(draft: Draft, block: dict[str, Any], member: str) -> None:
    given = block.get(member)
    if isinstance(given, str):
        block[member] = legal_id(given)
        if block[member] != given:
            draft.touch("messages", "tool call ids sent in the form upstream takes")


def legal_id(given: str) -> str:
    """Return an id that upstream takes, the same one for the same id."""
    if given and not _ILLEGAL.search(given):
        return given
    digest = hashlib.sha256(jsontext.encode(given)).hexdigest()[:8]
    return f"{_ILLEGAL.sub('_', given)}_{digest}"
