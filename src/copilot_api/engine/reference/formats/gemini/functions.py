"""Tools: function declarations and the choice among them; OpenAPI schemas into JSON Schema."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference.canonical import Tool
from copilot_api.engine.reference.formats.gemini.members import (
    lowered,
    named,
    number_of,
    object_at,
    objects_at,
    others,
    text_at,
)

_DECLARED = ("name", "description", "parameters", "parametersJsonSchema")
_CALLING = ("mode", "allowedFunctionNames")
_CHOICES = {
    "": None,
    "MODE_UNSPECIFIED": None,
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}
_COUNTS = (
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
)


def tools_of(value: Any, path: str, rewrites: list[str]) -> tuple[Tool, ...] | None:
    """Return the functions on offer; what only Google's servers can run is left out."""
    found = []
    listed = objects_at(value, path)
    for tool, place in listed:
        rewrites += [f"left out the server tool {name}" for name in others(tool, ("functionDeclarations",))]
        for function, at in objects_at(tool.get("functionDeclarations"), f"{place}.functionDeclarations"):
            rewrites += [f"dropped {name} of a function declaration" for name in others(function, _DECLARED)]
            found.append(_declared(function, at))
    return tuple(found) if found else None


def _declared(function: dict[str, Any], path: str) -> Tool:
    name = text_at(function, "name", path)
    if not name:
        raise InvalidRequest("must be a function name", f"{path}.name")
    members: dict[str, Any] = {"name": name}
    if "description" in function:
        members["description"] = function["description"]
    if "parametersJsonSchema" in function:
        members["parameters"] = function["parametersJsonSchema"]
    elif "parameters" in function:
        members["parameters"] = json_schema(function["parameters"])
    return Tool(members)


def choice_of(
    value: Any, path: str, tools: tuple[Tool, ...] | None, rewrites: list[str]
) -> tuple[Any, tuple[Tool, ...] | None]:
    """Return the chat ``tool_choice`` and the tools that may be called."""
    config = object_at(value, path)
    rewrites += [f"dropped toolConfig.{name}" for name in others(config, ("functionCallingConfig",))]
    path = f"{path}.functionCallingConfig"
    calling = object_at(config.get("functionCallingConfig"), path)
    rewrites += [f"dropped functionCallingConfig.{name}" for name in others(calling, _CALLING)]
    mode = text_at(calling, "mode", path).upper()
    if mode not in _CHOICES:
        raise InvalidRequest("must be AUTO, ANY, NONE or VALIDATED", f"{path}.mode")
    allowed = _names(calling.get("allowedFunctionNames"), f"{path}.allowedFunctionNames")
    choice: Any = _CHOICES[mode]
    if mode == "VALIDATED":
        rewrites.append("function calling mode VALIDATED sent as auto")
    if not allowed or mode == "NONE":
        return choice, tools
    if mode == "ANY" and len(allowed) == 1:
        return {"type": "function", "function": {"name": allowed[0]}}, tools
    rewrites.append("sent only the tools that allowedFunctionNames names")
    kept = tuple(tool for tool in tools or () if tool.members["name"] in allowed)
    return choice, kept or None


def _names(value: Any, path: str) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidRequest("must be a list of function names", path)
    return names


def json_schema(value: Any) -> Any:
    """Return an OpenAPI schema as JSON Schema: small types, null as a type; plain JSON Schema stays."""
    if not isinstance(value, dict):
        return value
    schema: dict[str, Any] = {}
    for name, item in named(value).items():
        if name == "type":
            if item != "TYPE_UNSPECIFIED":
                schema[name] = _type(item)
        elif name in ("properties", "defs", "$defs"):
            schema[name] = (
                {key: json_schema(inner) for key, inner in item.items()} if isinstance(item, dict) else item
            )
        elif name in ("anyOf", "oneOf", "allOf", "prefixItems"):
            schema[name] = [json_schema(inner) for inner in item] if isinstance(item, list) else item
        elif name in ("items", "additionalProperties", "not"):
            schema[name] = json_schema(item)
        elif name in _COUNTS:
            schema[name] = number_of(item)
        elif name not in ("nullable", "propertyOrdering"):
            schema[name] = item
    return _nullable(schema) if value.get("nullable") is True else schema


def _type(value: Any) -> Any:
    if isinstance(value, list):
        return [_type(item) for item in value]
    return lowered(value) if isinstance(value, str) else value


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return schema
