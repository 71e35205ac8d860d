"""A request of ``generateContent`` into a conversation (upstream.md 10.4)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference.canonical import AnswerContext, Conversation, Decoded, Text, Turn
from copilot_api.engine.reference.formats.gemini.functions import choice_of, tools_of
from copilot_api.engine.reference.formats.gemini.generation import options_of, thinking_of, wants_thoughts
from copilot_api.engine.reference.formats.gemini.members import (
    content_at,
    contents_at,
    object_at,
    others,
    request_of,
    text_at,
)
from copilot_api.engine.reference.formats.gemini.turns import turns_of

_READ = ("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model")


def decode_request(value: dict[str, Any], plan: RequestPlan) -> Decoded:
    """Return the conversation and the changes that were made. Raises :class:`InvalidRequest`."""
    rewrites: list[str] = []
    request, root = request_of(value)
    if "cachedContent" in request:
        raise InvalidRequest("there is no cached content here: send the contents", f"{root}cachedContent")
    turns = _system(request.get("systemInstruction"), f"{root}systemInstruction", rewrites)
    turns += turns_of(contents_at(request.get("contents"), f"{root}contents"), rewrites)
    tools = tools_of(request.get("tools"), f"{root}tools", rewrites)
    choice, tools = choice_of(request.get("toolConfig"), f"{root}toolConfig", tools, rewrites)
    path = f"{root}generationConfig"
    config = object_at(request.get("generationConfig"), path)
    options = options_of(config, path, rewrites)
    thinking = thinking_of(config.get("thinkingConfig"), f"{path}.thinkingConfig")
    rewrites += [f"dropped {name}" for name in others(request, _READ)]
    conversation = Conversation(
        model=plan.model or "",
        turns=tuple(turns),
        options=options,
        tools=tools,
        tool_choice=choice,
        thinking=thinking,
    )
    thoughts = wants_thoughts(config.get("thinkingConfig"))
    return Decoded(
        conversation,
        tuple(dict.fromkeys(rewrites)),
        AnswerContext(echo={"thoughts": True} if thoughts else {}),
    )


def _system(value: Any, path: str, rewrites: list[str]) -> list[Turn]:
    if value is None:
        return []
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name != "role"}
    texts = []
    for part in content_at(value, path).parts:
        text = text_at(part.members, "text", part.path)
        if text:
            texts.append(Text(text))
        rewrites += [f"left out {name} of the system instruction" for name in others(part.members, ("text",))]
    return [Turn("system", tuple(texts), plain=len(texts) == 1)] if texts else []
