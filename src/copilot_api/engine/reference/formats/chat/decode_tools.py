"""Tools and the choice among them, of a chat request (upstream.md 4.1, 10.1)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Tool
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.decode_messages import cache_of

_FUNCTION = ("name", "description", "parameters", "strict")


def tools_of(value: dict[str, Any], rewrites: list[str]) -> tuple[Tool, ...] | None:
    """Return the tools, None when there are none. Raises :class:`InvalidRequest`."""
    tools, functions = value.get("tools"), value.get("functions")
    if tools is not None and not isinstance(tools, list):
        raise InvalidRequest("must be a list", "tools")
    if functions is not None and not isinstance(functions, list):
        raise InvalidRequest("must be a list", "functions")
    if tools is None and functions is None:
        return None
    found = []
    for number, tool in enumerate(tools or ()):
        read = _tool(tool, f"tools[{number}]", rewrites)
        if read is not None:
            found.append(read)
    for number, function in enumerate(functions or ()):
        path = f"functions[{number}]"
        if not isinstance(function, dict):
            raise InvalidRequest("must be an object", path)
        found.append(Tool(_members(function, path, rewrites)))
    return tuple(found)


def _tool(tool: Any, path: str, rewrites: list[str]) -> Tool | None:
    if not isinstance(tool, dict):
        raise InvalidRequest("must be an object", path)
    kind, inner = tool.get("type", "function"), tool.get("function")
    cache = cache_of(tool)
    if isinstance(inner, dict):
        return Tool(_members(inner, f"{path}.function", rewrites), cache=cache or cache_of(inner))
    if kind == "custom":
        return Tool(_custom(frames.mapping(tool.get("custom")) or tool, path), custom=True, cache=cache)
    if kind == "function":
        # Some clients send the flat form of the Responses API here.
        return Tool(_members(tool, path, rewrites), cache=cache)
    rewrites.append(f"left out the tool {jsontext.well_formed(frames.text(kind))}")
    return None


def _members(function: dict[str, Any], path: str, rewrites: list[str]) -> dict[str, Any]:
    _named(function, path)
    for key, member in function.items():
        if key not in (*_FUNCTION, "type", "cache_control", "copilot_cache_control") and member is not None:
            rewrites.append(f"dropped {jsontext.well_formed(key)} of a tool")
    return {name: function[name] for name in _FUNCTION if function.get(name) is not None}


def _custom(custom: dict[str, Any], path: str) -> dict[str, Any]:
    _named(custom, path)
    members = {name: custom[name] for name in ("name", "description") if custom.get(name) is not None}
    layout = frames.mapping(custom.get("format"))
    if layout:
        grammar = frames.mapping(layout.get("grammar"))
        members["format"] = {"type": "grammar", **grammar} if grammar else layout
    return members


def _named(value: dict[str, Any], path: str) -> None:
    if not isinstance(value.get("name"), str) or not value["name"]:
        raise InvalidRequest("must be a string", f"{path}.name")


def choice_of(
    value: dict[str, Any], tools: tuple[Tool, ...] | None, rewrites: list[str]
) -> tuple[Any, tuple[Tool, ...] | None]:
    """Return the choice as chat spells it, and the tools that it leaves."""
    choice = value.get("tool_choice")
    if choice is None:
        choice = value.get("function_call")
        if isinstance(choice, dict):
            return _function(frames.text(choice.get("name"))), tools
    if choice is None or isinstance(choice, str):
        return choice, tools
    if not isinstance(choice, dict):
        raise InvalidRequest("must be a string or an object", "tool_choice")
    kind = frames.text(choice.get("type"))
    if kind == "allowed_tools":
        allowed = frames.mapping(choice.get("allowed_tools")) or choice
        listed = allowed.get("tools")
        names = [_chosen(entry) for entry in (listed if isinstance(listed, list) else ())]
        rewrites.append("sent the allowed tools alone")
        kept = tuple(tool for tool in tools or () if tool.members.get("name") in names)
        return frames.text(allowed.get("mode")) or "auto", kept
    name = _chosen(choice)
    if not name:
        raise InvalidRequest("must name a function", "tool_choice")
    return _function(name), tools


def _chosen(entry: Any) -> str:
    entry = frames.mapping(entry)
    inner = frames.mapping(entry.get("function")) or frames.mapping(entry.get("custom")) or entry
    return frames.text(inner.get("name"))


def _function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}
