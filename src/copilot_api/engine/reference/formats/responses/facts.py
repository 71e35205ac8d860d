"""The facts of a Responses request, or which member is at fault (upstream.md 2.5, 10.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Initiator, InvalidRequest, RequestFacts
from copilot_api.engine.reference import jsontext

_STATEFUL = (
    ("previous_response_id", "answers are not stored here: send the whole history in input"),
    ("conversation", "conversations are not stored here: send the whole history in input"),
    ("prompt", "stored prompts are not known here: send the text in input or instructions"),
)
_ROLES = ("user", "assistant", "system", "developer")
_TOOL_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def facts(value: Any, size: int) -> RequestFacts:
    """Return the facts. Raises :class:`InvalidRequest` naming the member."""
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("must be a model name", "model")
    for member, why in _STATEFUL:
        if value.get(member) is not None:
            raise InvalidRequest(why, member)
    if value.get("background") is True:
        raise InvalidRequest("answers are not made in the background here", "background")
    items = _items(value.get("input"))
    instructions = value.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise InvalidRequest("must be a string", "instructions")
    tools = _tools(value.get("tools"))
    for member in ("reasoning", "text", "metadata"):
        if value.get(member) is not None and not isinstance(value[member], dict):
            raise InvalidRequest("must be an object", member)
    initiator, reason = _initiator(items)
    cap = value.get("max_output_tokens", ...)
    return RequestFacts(
        dialect="responses",
        size=size,
        model=jsontext.well_formed(model),
        stream=_truthy(value.get("stream")),
        vision=any(_has_picture(item) for item in items),
        initiator=initiator,
        initiator_reason=reason,
        messages=len(items),
        tools=len(tools),
        output_cap="absent" if cap is ... else "null" if cap is None else "set",
        has_mcp_tool=_has_mcp_tool(tools),
        reasoning=_wants_reasoning(value.get("reasoning")),
    )


def _truthy(value: Any) -> bool:
    return isinstance(value, (dict, list)) or bool(value)


def _items(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list):
        raise InvalidRequest("must be a string or a list of items", "input")
    for number, item in enumerate(given):
        _check_item(item, f"input[{number}]")
    return given


def _check_item(item: Any, path: str) -> None:
    if not isinstance(item, dict):
        raise InvalidRequest("must be an object", path)
    kind = item.get("type", "message")
    if not isinstance(kind, str):
        raise InvalidRequest("must be a string", f"{path}.type")
    if kind == "message":
        if item.get("role") not in _ROLES:
            raise InvalidRequest("must be user, assistant, system or developer", f"{path}.role")
        _check_content(item.get("content"), f"{path}.content")
    elif kind == "item_reference":
        raise InvalidRequest(
            "items are not stored here: send whole items (SDKs do with `store: false`)", path
        )
    elif kind == "function_call":
        _check_strings(item, ("call_id", "name", "arguments"), path)
    elif kind == "custom_tool_call":
        _check_strings(item, ("call_id", "name", "input"), path)
    elif kind in _TOOL_OUTPUTS:
        _check_strings(item, ("call_id",), path)
        _check_content(item.get("output"), f"{path}.output")


def _check_strings(item: dict[str, Any], members: tuple[str, ...], path: str) -> None:
    for member in members:
        if not isinstance(item.get(member), str):
            raise InvalidRequest("must be a string", f"{path}.{member}")


def _check_content(content: Any, path: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise InvalidRequest("must be a string or a list of parts", path)
    for number, part in enumerate(content):
        if not isinstance(part, dict):
            raise InvalidRequest("must be an object", f"{path}[{number}]")
        if not isinstance(part.get("type"), str):
            raise InvalidRequest("must be a string", f"{path}[{number}].type")


def _tools(tools: Any) -> list[dict[str, Any]]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise InvalidRequest("must be a list", "tools")
    for number, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise InvalidRequest("must be an object", f"tools[{number}]")
        if not isinstance(tool.get("type"), str):
            raise InvalidRequest("must be a string", f"tools[{number}].type")
    return tools


def _initiator(items: list[dict[str, Any]]) -> tuple[Initiator, str]:
    """Judge by the last item; what the program says in the developer's name starts no turn."""
    for item in reversed(items):
        kind, role = item.get("type", "message"), item.get("role")
        if kind == "message" and role in ("system", "developer"):
            continue
        if kind == "message" and role == "user":
            return "user", "last item is the user's message"
        if kind == "message":
            return "agent", "last item is the assistant's message"
        return "agent", f"last item is of type {jsontext.well_formed(kind)}"
    return "user", "no item but system messages"


def _has_picture(item: dict[str, Any]) -> bool:
    for member in ("content", "output"):
        parts = item.get(member)
        if isinstance(parts, list) and any(
            isinstance(part, dict) and part.get("type") == "input_image" for part in parts
        ):
            return True
    return False


def _has_mcp_tool(tools: list[dict[str, Any]]) -> bool:
    for tool in tools:
        if isinstance(tool.get("name"), str) and tool["name"].startswith("mcp__"):
            return True
        nested = tool.get("tools")
        if isinstance(nested, list) and _has_mcp_tool([inner for inner in nested if isinstance(inner, dict)]):
            return True
    return False


def _wants_reasoning(reasoning: Any) -> bool:
    if not isinstance(reasoning, dict) or reasoning.get("effort") == "none":
        return False
    return any(reasoning.get(member) is not None for member in ("effort", "summary"))
