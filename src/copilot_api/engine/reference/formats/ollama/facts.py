"""The facts of an Ollama request. No messages, or an empty prompt, ask only that the model be loaded."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Initiator, InvalidRequest, RequestFacts
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.thinking import asks
from copilot_api.engine.reference.formats.ollama.options import cap_of, thinking_of

_ROLES = ("system", "user", "assistant", "tool")


def facts(value: Any, size: int) -> RequestFacts:
    """Return the facts; `messages` is 0 where the model is only to be loaded. Raises `InvalidRequest`."""
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("must be a model name", "model")
    options = value.get("options")
    if options is not None and not isinstance(options, dict):
        raise InvalidRequest("must be an object", "options")
    messages, pictures, last = _conversation(value)
    tools = value.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise InvalidRequest("must be a list", "tools")
    agent = last in ("assistant", "tool")
    initiator: Initiator = "agent" if agent else "user"
    return RequestFacts(
        dialect="ollama",
        size=size,
        model=jsontext.well_formed(model),
        stream=value.get("stream") is not False,
        vision=pictures,
        initiator=initiator,
        initiator_reason=f"last message is of role {last}" if agent else "last message is the user's",
        messages=messages,
        tools=len(tools or ()),
        output_cap="absent" if cap_of(value) is None else "set",
        reasoning=asks(thinking_of(value)),
    )


def _conversation(value: dict[str, Any]) -> tuple[int, bool, str]:
    """Return the number of messages, whether there are pictures, and the role of the last that counts."""
    if "messages" not in value:
        prompt = value.get("prompt")
        if prompt is not None and not isinstance(prompt, str):
            raise InvalidRequest("must be a string", "prompt")
        if value.get("system") is not None and not isinstance(value["system"], str):
            raise InvalidRequest("must be a string", "system")
        pictures = _pictures(value, "")
        return int(bool(prompt) or pictures), pictures, "user"
    messages = value["messages"]
    if messages is None:
        return 0, False, "user"
    if not isinstance(messages, list):
        raise InvalidRequest("must be a list of messages", "messages")
    seen, last = False, "user"
    for number, message in enumerate(messages):
        path = f"messages[{number}]"
        if not isinstance(message, dict):
            raise InvalidRequest("must be an object", path)
        role = frames.text(message.get("role"))
        if role not in _ROLES:
            raise InvalidRequest("must be system, user, assistant or tool", f"{path}.role")
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            raise InvalidRequest("must be a string", f"{path}.content")
        seen |= _pictures(message, f"{path}.")
        last = last if role == "system" else role
    return len(messages), seen, last


def _pictures(value: dict[str, Any], path: str) -> bool:
    images = value.get("images")
    if images is not None and not isinstance(images, list):
        raise InvalidRequest("must be a list", f"{path}images")
    return bool(images)
