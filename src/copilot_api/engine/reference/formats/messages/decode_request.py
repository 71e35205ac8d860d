"""An Anthropic request into a conversation (compat.md 4.1, 4.3; D-T4 to D-T11, D-T26)."""

from __future__ import annotations

import base64
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.canonical import (
    Block,
    Conversation,
    Decoded,
    File,
    Image,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.mend_system import BILLING_LINE, BILLING_REWRITE

_READ = (
    "model",
    "messages",
    "max_tokens",
    "system",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "metadata",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
)
_HARMLESS = ("context_management", "cache_control")
"""Members whose loss costs tokens at most."""
_TOOL_MEMBERS = ("name", "description", "input_schema", "type", "cache_control")
_OPTIONS = (
    ("max_tokens", "max_tokens"),
    ("stop_sequences", "stop"),
    ("stream", "stream"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
)
_INVISIBLE = (
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "tool_search_tool_result",
    "tool_reference",
)
"""Blocks that have no chat form and whose loss a model can bear; they are left out and accounted for."""


def decode_request(value: dict[str, Any], _plan: RequestPlan) -> Decoded:
    """Return the conversation and the changes that were made.

    `value` was accepted by validation. Raises :class:`InvalidRequest` for blocks that cannot be translated.
    """
    rewrites: list[str] = []
    turns = _system(value.get("system"), rewrites)
    for number, message in enumerate(value["messages"]):
        turns.append(_turn(message, f"messages[{number}]", rewrites))
    options = {name: value[key] for key, name in _OPTIONS if key in value}
    metadata = value.get("metadata") or {}
    if "user_id" in metadata:
        options["user"] = metadata["user_id"]
    tools = _tools(value.get("tools"), rewrites)
    choice, parallel = _tool_choice(value.get("tool_choice"))
    config = frames.mapping(value.get("output_config"))
    if form := _response_format(config.get("format", value.get("output_format"))):
        options["response_format"] = form
    rewrites += [
        f"{'removed' if key in _HARMLESS else 'dropped'} {jsontext.well_formed(key)}"
        for key in value
        if key not in _READ
    ]
    conversation = Conversation(
        model=value["model"],
        turns=tuple(turns),
        options=options,
        tools=tools,
        tool_choice=choice,
        parallel_tools=parallel,
        thinking=_thinking(frames.mapping(value.get("thinking")), frames.text(config.get("effort"))),
    )
    return Decoded(conversation, tuple(dict.fromkeys(rewrites)))


def _thinking(thinking: dict[str, Any], effort: str) -> Thinking | None:
    """Return what is asked for; a word for the effort says more than a budget."""
    kind = thinking.get("type")
    summary = None if thinking.get("display") == "omitted" else "auto"
    if kind == "disabled":
        return Thinking(effort="none")
    if effort:
        return Thinking(effort=effort, summary=summary if kind in ("enabled", "adaptive") else None)
    if kind == "enabled":
        return Thinking(budget=frames.count(thinking.get("budget_tokens")), summary=summary)
    return Thinking(adaptive=True, summary=summary) if kind == "adaptive" else None


def _response_format(form: Any) -> dict[str, Any] | None:
    if not isinstance(form, dict) or form.get("type") != "json_schema" or "schema" not in form:
        return None
    wanted = {"name": "answer", "schema": form["schema"], "strict": True}
    return {"type": "json_schema", "json_schema": wanted}


def _system(system: Any, rewrites: list[str]) -> list[Turn]:
    if not system:
        return []
    if isinstance(system, str):
        return [Turn("system", (Text(system),), plain=True)]
    blocks = list(system)
    if blocks and blocks[0]["text"].startswith(BILLING_LINE):
        del blocks[0]
        rewrites.append(BILLING_REWRITE)
    texts = tuple(Text(block["text"]) for block in blocks)
    return [Turn("system", texts, cache=_mark(blocks, rewrites))] if blocks else []


def _mark(blocks: list[dict[str, Any]], rewrites: list[str]) -> Any:
    """Return the cache mark at the end of a message; others have no place."""
    if any("cache_control" in block for block in blocks[:-1]):
        rewrites.append("removed cache_control before the end of a message")
    return blocks[-1].get("cache_control") if blocks else None


def _turn(message: dict[str, Any], path: str, rewrites: list[str]) -> Turn:
    content = message.get("content")
    if isinstance(content, str):
        return Turn(message["role"], (Text(content),), plain=True)
    if content is None:
        return Turn(message["role"], (), plain=True)
    blocks: list[Block] = []
    for number, block in enumerate(content):
        blocks += _block(block, f"{path}.content[{number}]", rewrites)
    return Turn(message["role"], tuple(blocks), cache=_mark(content, rewrites))


def _block(block: dict[str, Any], path: str, rewrites: list[str]) -> list[Block]:
    kind = block["type"]
    if kind == "text":
        return [Text(block["text"])]
    if kind == "thinking":
        return _reasoning(frames.text(block.get("thinking")), block.get("signature"), rewrites)
    if kind == "redacted_thinking":
        return _reasoning("", block.get("data"), rewrites, redacted=True)
    if kind == "image":
        return [Image(_picture(block.get("source"), f"{path}.source"))]
    if kind == "tool_use":
        arguments = jsontext.dumps(block["input"]) if "input" in block else "{}"
        return [ToolCall(block["id"], block["name"], arguments)]
    if kind == "tool_result":
        return [_result(block, path, rewrites)]
    if kind == "document" and (file := _file(block)) is not None:
        return [file]
    if kind in ("document", "search_result"):
        rewrites.append(f"{kind} sent as text")
        return [Text(_document(block, path))]
    if kind in _INVISIBLE:
        rewrites.append(f"dropped {kind}")
        return []
    if isinstance(block.get("text"), str):
        rewrites.append(f"{jsontext.well_formed(kind)} sent as text")
        return [Text(block["text"])]
    kind = jsontext.well_formed(kind)
    raise InvalidRequest(f'blocks of type "{kind}" cannot be sent to this model', path)


def _reasoning(thought: str, carrier: Any, rewrites: list[str], *, redacted: bool = False) -> list[Block]:
    """Return a piece of reasoning; a carrier alone is of use only to the model that a tag of ours names."""
    value = frames.text(carrier)
    if thought or carriers.read(value) is not None:
        return [Reasoning(thought, value, redacted)]
    if value or redacted:
        rewrites.append("dropped reasoning of another model")
    return []


def _result(block: dict[str, Any], path: str, rewrites: list[str]) -> ToolResult:
    inner = block.get("content")
    content: list[Text | Image | File] = []
    if isinstance(inner, str):
        content.append(Text(inner))
    for number, child in enumerate(inner if isinstance(inner, list) else ()):
        for found in _block(child, f"{path}.content[{number}]", rewrites):
            if isinstance(found, (Text, Image, File)):
                content.append(found)
            elif isinstance(found, Reasoning):
                content.append(Text(found.text))
            else:
                raise InvalidRequest("a tool result holds text and images only", f"{path}.content[{number}]")
    return ToolResult(block["tool_use_id"], tuple(content), is_error=bool(block.get("is_error")))


def _picture(source: Any, path: str) -> str:
    if not isinstance(source, dict):
        raise InvalidRequest("must be an object", path)
    if source.get("type") == "url" and isinstance(source.get("url"), str):
        url: str = source["url"]
        return url
    if isinstance(source.get("data"), str) and isinstance(source.get("media_type"), str):
        return f"data:{source['media_type']};base64,{source['data']}"
    raise InvalidRequest("must hold base64 data with a media_type, or a url", path)


def _file(block: dict[str, Any]) -> File | None:
    """Return a document that is no text."""
    source = frames.mapping(block.get("source"))
    data, media_type = frames.text(source.get("data")), frames.text(source.get("media_type"))
    if source.get("type") != "base64" or not data or not media_type or media_type.startswith("text/"):
        return None
    return File(data, media_type, frames.text(block.get("title")))


def _document(block: dict[str, Any], path: str) -> str:
    title = block.get("title")
    head = f"{title}\n\n" if isinstance(title, str) and title else ""
    if block["type"] == "search_result":
        return head + _texts(block.get("content"), f"{path}.content")
    source = block.get("source")
    if isinstance(source, dict):
        kind, data = source.get("type"), source.get("data")
        media = source.get("media_type")
        if kind == "text" and isinstance(data, str):
            return head + data
        if kind == "content":
            return head + _texts(source.get("content"), f"{path}.source.content")
        if kind == "base64" and isinstance(data, str) and str(media).startswith("text/"):
            try:
                return head + base64.b64decode(data, validate=True).decode()
            except ValueError:
                raise InvalidRequest("is not base64 of UTF-8 text", f"{path}.source.data") from None
    raise InvalidRequest("only documents with text can be sent to this model", path)


def _texts(content: Any, path: str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        found = [child["text"] for child in content if isinstance(child, dict) and "text" in child]
        if found and all(isinstance(text, str) for text in found):
            return "\n\n".join(found)
    raise InvalidRequest("holds no text", path)


def _tools(tools: Any, rewrites: list[str]) -> tuple[Tool, ...] | None:
    if tools is None:
        return None
    kept = []
    for tool in tools:
        if tool.get("type", "custom") not in ("custom", "function") and "input_schema" not in tool:
            name = next(name for name in (tool.get("name"), tool["type"]) if isinstance(name, str))
            rewrites.append(f"left out the server tool {jsontext.well_formed(name)}")
            continue
        members = {name: tool[name] for name in ("name", "description") if name in tool}
        if "input_schema" in tool:
            members["parameters"] = tool["input_schema"]
        rewrites += [
            f"removed {jsontext.well_formed(member)} of tools"
            for member in tool
            if member not in _TOOL_MEMBERS
        ]
        kept.append(Tool(members, cache=tool.get("cache_control")))
    return tuple(kept) if kept or not tools else None


def _tool_choice(choice: Any) -> tuple[Any, bool | None]:
    if choice is None:
        return None, None
    parallel = False if choice.get("disable_parallel_tool_use") is True else None
    kind, name = choice.get("type"), choice.get("name")
    if kind == "tool" and isinstance(name, str) and name:
        return {"type": "function", "function": {"name": name}}, parallel
    return {"auto": "auto", "any": "required", "none": "none"}.get(str(kind)), parallel
