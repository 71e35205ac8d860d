"""Tools of a Responses request as plain functions, for legs that have nothing else (upstream.md 5.2, 10.2).

A freeform tool becomes a function with one string member, a namespace's tools are named after both, a search
for tools by the client becomes a function too; :class:`Offered` tells how calls go back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Tool
from copilot_api.engine.reference.formats.chat.frames import mapping, text

INPUT = "input"
"""The one member of a freeform tool's arguments."""
SEARCH = "tool_search"
"""The name of the function that stands for a search for tools."""
_LINK = "__"


def flat(namespace: str, name: str) -> str:
    """Return the one name for a tool of a namespace; :func:`own_name` undoes it."""
    return f"{_prefix(namespace)}{name}" if namespace else name


def own_name(namespace: str, name: str) -> str:
    """Return the tool's name within its namespace."""
    return name.removeprefix(_prefix(namespace)) if namespace else name


def _prefix(namespace: str) -> str:
    return namespace if namespace.endswith(_LINK) else namespace + _LINK


def wrapped(given: str) -> str:
    """Return the arguments, as JSON text, that stand for a freeform tool's input."""
    return jsontext.dumps({INPUT: given})


def unwrapped(arguments: str) -> str:
    """Return the input of a freeform tool; arguments that do not hold one are taken for it."""
    try:
        value = jsontext.loads(jsontext.encode(arguments))
    except InvalidRequest:
        return arguments
    if isinstance(value, dict):
        if isinstance(value.get(INPUT), str):
            return text(value[INPUT])
        if len(value) == 1 and isinstance(next(iter(value.values())), str):
            return text(next(iter(value.values())))
    return arguments


@dataclass(slots=True)
class Offered:
    """The tools that go upstream, and what the answer must know of them."""

    tools: list[Tool] = field(default_factory=list)
    custom: list[str] = field(default_factory=list)
    namespaces: dict[str, str] = field(default_factory=dict)
    rewrites: list[str] = field(default_factory=list)

    def add(self, tool: dict[str, Any], namespace: str = "") -> None:
        """Take one entry of ``tools``, a namespace's entries with it."""
        kind = text(tool.get("type"))
        if kind == "namespace":
            self._add_namespace(tool)
        elif kind == "function":
            self._add_function(tool, namespace)
        elif kind == "custom":
            self._add_freeform(tool, namespace)
        elif kind == SEARCH and tool.get("execution") == "client":
            members: dict[str, Any] = {"name": SEARCH}
            members |= {name: tool[name] for name in ("description", "parameters") if tool.get(name)}
            self._offer(members, SEARCH)
            self.rewrites.append("sent tool_search as a function")
        else:
            self.rewrites.append(f"left out the server tool {jsontext.well_formed(kind)}")

    def _add_namespace(self, tool: dict[str, Any]) -> None:
        namespace, nested = text(tool.get("name")), tool.get("tools")
        for inner in nested if isinstance(nested, list) else ():
            self.add({**mapping(inner), "type": text(mapping(inner).get("type")) or "function"}, namespace)
        self.rewrites.append(f"sent the tools of namespace {jsontext.well_formed(namespace)} as plain ones")

    def _add_function(self, tool: dict[str, Any], namespace: str) -> None:
        # Some clients send chat's nested form here.
        source = {**tool, **mapping(tool.get("function"))}
        name = text(source.get("name"))
        members: dict[str, Any] = {"name": flat(namespace, name)}
        members |= {key: source[key] for key in ("description", "parameters") if source.get(key) is not None}
        if source.get("strict") is True:
            members["strict"] = True
        self._offer(members, name, namespace)

    def _add_freeform(self, tool: dict[str, Any], namespace: str) -> None:
        name = text(tool.get("name"))
        schema = {
            "type": "object",
            "properties": {INPUT: {"type": "string", "description": "The tool's whole input, as it is."}},
            "required": [INPUT],
            "additionalProperties": False,
        }
        members: dict[str, Any] = {
            "name": flat(namespace, name),
            "description": _described(tool),
            "parameters": schema,
        }
        if self._offer(members, name, namespace):
            self.custom.append(members["name"])
        self.rewrites.append(f"sent the freeform tool {jsontext.well_formed(name)} as a function")

    def _offer(self, members: dict[str, Any], name: str, namespace: str = "") -> bool:
        # A tool that a search found may be in the list as well.
        if not name or any(tool.members["name"] == members["name"] for tool in self.tools):
            return False
        self.tools.append(Tool(members))
        if namespace:
            self.namespaces[members["name"]] = namespace
        return True


def _described(tool: dict[str, Any]) -> str:
    description, form = text(tool.get("description")), mapping(tool.get("format"))
    if text(form.get("definition")):
        syntax = text(form.get("syntax"))
        grammar = f"The input must follow this {syntax} grammar:\n{form['definition']}"
        return f"{description}\n\n{grammar}" if description else grammar
    return description


def choice(value: Any, offered: Offered) -> tuple[Any, str]:
    """Return a chat ``tool_choice`` and the change made, if any; `offered` may be narrowed by it."""
    if value is None or isinstance(value, str):
        return value, ""
    kind, name = text(mapping(value).get("type")), text(mapping(value).get("name"))
    if kind == "allowed_tools":
        return _allowed(mapping(value), offered)
    if kind in ("function", "custom") and name:
        return {"type": "function", "function": {"name": flat(text(value.get("namespace")), name)}}, ""
    return None, f"left out tool_choice {jsontext.well_formed(kind)}"


def _allowed(value: dict[str, Any], offered: Offered) -> tuple[Any, str]:
    listed = value.get("tools")
    names = {
        flat(text(mapping(tool).get("namespace")), text(mapping(tool).get("name")))
        for tool in (listed if isinstance(listed, list) else ())
    }
    offered.tools = [tool for tool in offered.tools if tool.members["name"] in names]
    return text(value.get("mode")) or "auto", "sent the allowed tools only"
