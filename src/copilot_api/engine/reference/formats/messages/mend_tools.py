"""Tools and the choice of them, without what upstream refuses (upstream.md 6.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.draft import Draft

_SEARCH = "tool_search_tool_"
_BETA = "advanced-tool-use-"
_OF_THE_BETA = ("defer_loading", "input_examples", "allowed_callers")
_COMBINED = ("oneOf", "anyOf", "allOf")


def mend(draft: Draft) -> None:
    """Mend ``tools`` and ``tool_choice``."""
    tools = draft.request.get("tools")
    if not isinstance(tools, list):
        return
    kept = []
    for tool in tools:
        if isinstance(tool, dict) and is_server_tool(tool) and not _runs_upstream(draft, tool):
            draft.touch("tools", f"left out the server tool {tool_name(tool)}")
            continue
        kept.append(tool)
        if isinstance(tool, dict) and not is_server_tool(tool):
            _tool(draft, tool)
    draft.request["tools"] = kept
    if not kept and tools:
        del draft.request["tools"]
        draft.drop("tool_choice", "dropped tool_choice, since no tool is left")
    elif len(kept) < len(tools):
        choice = frames.mapping(draft.request.get("tool_choice"))
        if choice.get("type") == "tool" and not any(_is_named(tool, choice.get("name")) for tool in kept):
            draft.drop("tool_choice", "dropped tool_choice, whose tool was left out")


def is_server_tool(tool: dict[str, Any]) -> bool:
    """Tell whether the tool is one that Anthropic runs, or knows the schema of."""
    return tool.get("type", "custom") not in ("custom", "function", None) and "input_schema" not in tool


def tool_name(tool: dict[str, Any]) -> str:
    """Return the name of a server tool for people."""
    for member in ("name", "type"):
        if isinstance(tool.get(member), str):
            return jsontext.well_formed(tool[member])
    return "without a name"


def _runs_upstream(draft: Draft, tool: dict[str, Any]) -> bool:
    return frames.text(tool.get("type")).startswith(_SEARCH) and draft.has_beta(_BETA)


def _is_named(tool: Any, name: Any) -> bool:
    return isinstance(tool, dict) and tool.get("name") == name


def _tool(draft: Draft, tool: dict[str, Any]) -> None:
    unwanted = ["type", "eager_input_streaming"]
    if not draft.has_beta(_BETA):
        unwanted += _OF_THE_BETA
    for member in unwanted:
        if member in tool:
            del tool[member]
            draft.touch("tools", f"removed {member} of tools")
    schema = tool.get("input_schema")
    if not isinstance(schema, dict):
        tool["input_schema"] = {"type": "object", "properties": {}}
        draft.touch("tools", "gave an empty schema to tools without one")
        return
    if "$schema" in schema:
        del schema["$schema"]
        draft.touch("tools", "removed $schema of tools")
    for member in [member for member in _COMBINED if member in schema]:
        branches = schema.pop(member)
        _merge_properties(schema, branches if isinstance(branches, list) else [])
        draft.touch("tools", f"dropped {member} at the root of a tool's schema")
    if schema.get("type") != "object":
        schema["type"] = "object"
        draft.touch("tools", "set the type of tools' schemas to object")


def _merge_properties(schema: dict[str, Any], branches: list[Any]) -> None:
    """Keep the properties that the branches name; which of them belong together is lost."""
    properties = dict(frames.mapping(schema.get("properties")))
    for branch in branches:
        for name, value in frames.mapping(frames.mapping(branch).get("properties")).items():
            properties.setdefault(name, value)
    schema["properties"] = properties
