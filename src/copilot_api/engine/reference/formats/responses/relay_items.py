"""Items of ``input`` as Copilot takes them (upstream.md 5.2): no ids, nothing that only Codex knows."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan
from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.formats.chat.frames import mapping, text
from copilot_api.engine.reference.formats.responses import seals

_REFUSED = (
    "web_search_call",
    "image_generation_call",
    "file_search_call",
    "code_interpreter_call",
    "computer_call",
    "computer_call_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
)
"""Items of tools that upstream does not have."""
_WITH_ID = ("compaction", "compaction_summary", "context_compaction")
_PRIVATE = "internal_chat_message_metadata_passthrough"


def mend(items: list[Any], plan: RequestPlan) -> tuple[list[Any], list[str]]:
    """Return the items and the changes made; none when every item may stay as it is."""
    made: list[Any] = []
    changes: list[str] = []
    for item in items:
        kept = _item(item, plan, changes) if isinstance(item, dict) else item
        if kept is not None:
            made.append(kept)
    return made, changes


def _item(item: dict[str, Any], plan: RequestPlan, changes: list[str]) -> dict[str, Any] | None:
    kind = text(item.get("type", "message"))
    if kind in _REFUSED:
        changes.append(f"dropped {kind}")
        return None
    if kind == "reasoning" and (lost := _loss(item, plan)):
        changes.append(lost)
        return None
    if kind == "agent_message":
        changes.append("sent agent_message as a message")
        return _agent_message(item)
    if kind == "local_shell_call":
        changes.append("sent local_shell_call as a function call")
        call_id = text(item.get("call_id")) or text(item.get("id"))
        arguments = jsontext.dumps(item.get("action"))
        return {"type": "function_call", "call_id": call_id, "name": "local_shell", "arguments": arguments}
    if kind == "reasoning":
        item = _untagged(item, changes)
    unwanted = [name for name in ("id", _PRIVATE) if name in item and (name != "id" or kind not in _WITH_ID)]
    if not unwanted:
        return item
    changes.append("item ids not sent")
    return {name: value for name, value in item.items() if name not in unwanted}


def _untagged(item: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    """Return reasoning of this very model that has been with a client of another dialect, as it was."""
    found = carriers.read(text(item.get("encrypted_content")))
    if found is None:
        return item
    changes.append("reasoning sent as this model made it")
    return {**item, "encrypted_content": found.value}


def _loss(item: dict[str, Any], plan: RequestPlan) -> str:
    carrier = text(item.get("encrypted_content"))
    if plan.without_reasoning:
        return "dropped reasoning, which upstream refused"
    if not carrier:
        return "dropped reasoning without encrypted_content"
    if seals.is_foreign(carrier, plan.leg, plan.target):
        return "dropped reasoning that this model did not make"
    return ""


def _agent_message(item: dict[str, Any]) -> dict[str, Any]:
    content = item.get("content")
    parts = [
        {"type": "input_text", "text": text(part.get("text"))}
        for part in map(mapping, content if isinstance(content, list) else ())
        if isinstance(part.get("text"), str)
    ]
    return {"type": "message", "role": "user", "content": content if isinstance(content, str) else parts}
