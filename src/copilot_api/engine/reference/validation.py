"""Reading the facts out of a body, or saying which member is at fault (D-H1, D-H2, R-17)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Dialect, Initiator, InvalidRequest, RequestBody, RequestFacts
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats import part
from copilot_api.engine.reference.formats.chat.thinking import asks, thinking_of
from copilot_api.engine.reference.session import session_of
from copilot_api.records import replace

_MESSAGE_ROLES = ("user", "assistant", "system")


class ReferenceValidation:
    """See :class:`copilot_api.engine.interfaces.Validation`."""

    def inspect(self, body: RequestBody, dialect: Dialect) -> RequestFacts:
        """Return the facts; raises :class:`InvalidRequest`."""
        value = jsontext.loads(bytes(body))
        facts = self._facts(value, len(body), dialect)
        session = session_of(value, dialect)
        return replace(facts, session=session) if session else facts

    def _facts(self, value: Any, size: int, dialect: Dialect) -> RequestFacts:
        if dialect not in ("chat", "messages", "embeddings"):
            found: RequestFacts = part(dialect, "facts").facts(value, size)
            return found
        if dialect == "embeddings":
            model = value.get("model") if isinstance(value, dict) else None
            return RequestFacts(
                dialect,
                size,
                model=jsontext.well_formed(model) if isinstance(model, str) else "",
                initiator="user",
            )
        if not isinstance(value, dict):
            raise InvalidRequest("the body must be a JSON object")
        model = value.get("model")
        if not isinstance(model, str) or not model:
            raise InvalidRequest("must be a model name", "model")
        messages = value.get("messages")
        if not isinstance(messages, list):
            raise InvalidRequest("must be a list of messages", "messages")
        for number, message in enumerate(messages):
            _check_message(message, f"messages[{number}]", dialect)
        tools = value.get("tools")
        if dialect == "messages":
            _check_messages_members(value)
        initiator, reason = (_initiator_of_messages if dialect == "messages" else _initiator_of_chat)(
            messages
        )
        cap = value.get("max_tokens", ...)
        return RequestFacts(
            dialect=dialect,
            size=size,
            model=jsontext.well_formed(model),
            stream=truthy(value.get("stream")),
            vision=_has_picture(messages, "image" if dialect == "messages" else "image_url"),
            initiator=initiator,
            initiator_reason=reason,
            messages=len(messages),
            tools=len(tools) if isinstance(tools, list) else 0,
            output_cap="absent" if cap is ... else "null" if cap is None else "set",
            has_max_completion_tokens=value.get("max_completion_tokens") is not None,
            has_mcp_tool=_has_mcp_tool(tools),
            reasoning=_asks_for_reasoning(value, dialect),
        )


def truthy(value: Any) -> bool:
    """Tell whether JavaScript takes a JSON value for true: lists and objects always are (compat.md 3.4)."""
    return isinstance(value, (dict, list)) or bool(value)


def _asks_for_reasoning(value: dict[str, Any], dialect: Dialect) -> bool:
    if dialect == "chat":
        return asks(thinking_of(value))
    thinking, config = value.get("thinking"), value.get("output_config")
    if isinstance(thinking, dict):
        return thinking.get("type") in ("enabled", "adaptive")
    return isinstance(config, dict) and config.get("effort") not in (None, "", "none")


def _check_message(message: Any, path: str, dialect: Dialect) -> None:
    if not isinstance(message, dict):
        raise InvalidRequest("must be an object", path)
    role, content = message.get("role"), message.get("content")
    if dialect == "messages":
        if role not in _MESSAGE_ROLES:
            raise InvalidRequest("must be user, assistant or system", f"{path}.role")
        if content is not None and not isinstance(content, (str, list)):
            raise InvalidRequest("must be a string or a list of blocks", f"{path}.content")
        if content is None and role == "user":
            raise InvalidRequest("must be a string or a list of blocks", f"{path}.content")
        for number, block in enumerate(content if isinstance(content, list) else ()):
            _check_block(block, f"{path}.content[{number}]")
        return
    if content is not None and not isinstance(content, (str, list)):
        raise InvalidRequest("must be a string, a list of parts or null", f"{path}.content")
    for number, piece in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(piece, dict):
            raise InvalidRequest("must be an object", f"{path}.content[{number}]")


def _check_block(block: Any, path: str) -> None:
    if not isinstance(block, dict):
        raise InvalidRequest("must be an object", path)
    kind = block.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest("must be a string", f"{path}.type")
    needed = {"text": "text", "tool_use": "name", "tool_result": "tool_use_id"}.get(kind)
    if needed and not isinstance(block.get(needed), str):
        raise InvalidRequest("must be a string", f"{path}.{needed}")
    if kind == "tool_use" and not isinstance(block.get("id"), str):
        raise InvalidRequest("must be a string", f"{path}.id")
    if kind == "tool_result":
        inner = block.get("content")
        if inner is not None and not isinstance(inner, (str, list)):
            raise InvalidRequest("must be a string or a list of blocks", f"{path}.content")
        for number, child in enumerate(inner if isinstance(inner, list) else ()):
            _check_block(child, f"{path}.content[{number}]")


def _check_messages_members(value: dict[str, Any]) -> None:
    system = value.get("system")
    if system and not isinstance(system, (str, list)):
        raise InvalidRequest("must be a string or a list of text blocks", "system")
    for number, block in enumerate(system if isinstance(system, list) else ()):
        if not isinstance(block, dict) or not isinstance(block.get("text"), str):
            raise InvalidRequest("must be a text block", f"system[{number}]")
    tools = value.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise InvalidRequest("must be a list", "tools")
    for number, tool in enumerate(tools or ()):
        if not isinstance(tool, dict):
            raise InvalidRequest("must be an object", f"tools[{number}]")
        if not isinstance(tool.get("name"), str) and not isinstance(tool.get("type"), str):
            raise InvalidRequest("must be a string", f"tools[{number}].name")
    choice = value.get("tool_choice")
    if choice is not None and not isinstance(choice, dict):
        raise InvalidRequest("must be an object", "tool_choice")
    metadata = value.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise InvalidRequest("must be an object", "metadata")


def _initiator_of_chat(messages: list[Any]) -> tuple[Initiator, str]:
    """Judge by the last turn (architecture.md 8, upstream.md 2.5)."""
    for message in reversed(messages):
        role = message.get("role")
        if role in ("system", "developer"):
            continue
        if role in ("tool", "assistant"):
            return "agent", f"last message is of role {role}"
        return "user", "last message is the user's"
    return "user", "no message but system ones"


def _initiator_of_messages(messages: list[Any]) -> tuple[Initiator, str]:
    # Claude Code puts system messages after tool results (clients.md 1): they start no turn.
    for message in reversed(messages):
        role, content = message["role"], message.get("content")
        if role == "system":
            continue
        if role == "assistant":
            return "agent", "last message is the assistant's"
        blocks = content if isinstance(content, list) else []
        kinds = {block.get("type") for block in blocks}
        if "tool_result" in kinds and kinds <= {"tool_result", "image"}:
            return "agent", "last message is a tool result"
        if "tool_result" in kinds and all(_is_reminder(block) for block in blocks if block["type"] == "text"):
            return "agent", "last message is a tool result with reminders of the program"
        return "user", "last message is the user's"
    return "user", "no message but system ones"


def _is_reminder(block: dict[str, Any]) -> bool:
    return str(block.get("text", "")).lstrip().startswith("<system-reminder>")


def _has_picture(value: Any, kind: str) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if item.get("type") == kind:
                return True
            content = item.get("content")
            if isinstance(content, list):
                pending.extend(content)
        elif isinstance(item, list):
            pending.extend(item)
    return False


def _has_mcp_tool(tools: Any) -> bool:
    if not isinstance(tools, list):
        return False
    return any(
        isinstance(tool, dict) and isinstance(tool.get("name"), str) and tool["name"].startswith("mcp__")
        for tool in tools
    )
