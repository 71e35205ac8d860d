"""What the gateway must know of a request; the model and whether to stream are told by its URL."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Initiator, RequestFacts
from copilot_api.engine.reference.formats.gemini.generation import thinking_of
from copilot_api.engine.reference.formats.gemini.members import (
    Content,
    contents_at,
    named,
    object_at,
    objects_at,
    request_of,
)


def facts(value: Any, size: int) -> RequestFacts:
    """Return the facts. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
    request, root = request_of(value)
    contents = contents_at(request.get("contents"), f"{root}contents")
    names = _function_names(request.get("tools"), f"{root}tools")
    config_path = f"{root}generationConfig"
    config = object_at(request.get("generationConfig"), config_path)
    thinking = thinking_of(config.get("thinkingConfig"), f"{config_path}.thinkingConfig")
    initiator, reason = _initiator(contents[-1])
    return RequestFacts(
        dialect="gemini",
        size=size,
        vision=any(_is_picture(part.members) for content in contents for part in content.parts),
        initiator=initiator,
        initiator_reason=reason,
        messages=len(contents),
        tools=len(names),
        output_cap="set" if "maxOutputTokens" in config else "absent",
        has_mcp_tool=any(name.startswith("mcp__") for name in names),
        reasoning=thinking is not None and thinking.effort != "none",
    )


def _function_names(tools: Any, path: str) -> list[str]:
    names = []
    for tool, place in objects_at(tools, path):
        for function, _ in objects_at(tool.get("functionDeclarations"), f"{place}.functionDeclarations"):
            name = function.get("name")
            names.append(name if isinstance(name, str) else "")
    return names


def _is_picture(part: dict[str, Any]) -> bool:
    for name in ("inlineData", "fileData"):
        data = part.get(name)
        kind = named(data).get("mimeType") if isinstance(data, dict) else None
        if isinstance(kind, str) and kind.startswith("image/"):
            return True
    response = part.get("functionResponse")
    inner = named(response).get("parts") if isinstance(response, dict) else None
    inner = [inner] if isinstance(inner, dict) else inner
    return isinstance(inner, list) and any(
        _is_picture(named(piece)) for piece in inner if isinstance(piece, dict)
    )


def _initiator(last: Content) -> tuple[Initiator, str]:
    """Judge by the last content (upstream.md 2.5)."""
    if last.role == "model":
        return "agent", "last content is the model's"
    if any("functionResponse" in part.members for part in last.parts):
        return "agent", "last content is a function response"
    if any(isinstance(part.members.get("text"), str) for part in last.parts):
        return "user", "last content is the user's"
    return "agent", "last content has no text"
