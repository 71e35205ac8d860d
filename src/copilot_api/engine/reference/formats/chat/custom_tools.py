"""Freeform tools where only functions are: offered with one string, `input`, and their calls likewise."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames


def as_function(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members of the function that stands for a freeform tool; its grammar goes into words."""
    words = [frames.text(members.get("description"))]
    layout = frames.mapping(members.get("format"))
    grammar = frames.mapping(layout.get("grammar")) or layout
    if definition := frames.text(grammar.get("definition")):
        words.append(
            f"The input must follow this {frames.text(grammar.get('syntax'))} grammar:\n{definition}"
        )
    function = {"name": members.get("name")}
    if description := "\n\n".join(word for word in words if word):
        function["description"] = description
    function["parameters"] = {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The raw text for the tool."}},
        "required": ["input"],
    }
    return function


def wrapped(text: str) -> str:
    """Return raw text as the arguments of the function."""
    return jsontext.dumps({"input": text})


def unwrapped(arguments: str) -> str:
    """Return the raw text; arguments of another form as they are."""
    try:
        value = jsontext.loads(jsontext.encode(arguments))
    except InvalidRequest:
        return arguments
    given = frames.mapping(value).get("input")
    return given if isinstance(given, str) else arguments
