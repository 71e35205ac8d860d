"""Counts of a chat request: compat.md 5.2 to 5.4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, TokenCount
from copilot_api.engine.reference.tokenizer.json_text import as_text, compact, parse, text_or_compact, truthy
from copilot_api.engine.reference.tokenizer.pictures import count_picture

Count = Callable[[str], int]
"""Tokens of a text: E(text) of compat.md."""

PER_MESSAGE = 3
PER_LIST = 3
"""Added once for messages of the input, once for those of the output, unless there are none."""
PER_NAME = 1
FUNCTIONS_END = 12
PROPERTIES = 3
PROPERTY = 3
ENUM = -3
ENUM_ITEM = 3


def count_chat(body: bytes, count: Count, model: str) -> TokenCount:
    """Count a request. Raises :class:`InvalidRequest` when it has no list of message objects."""
    request = parse(body)
    if not isinstance(request, dict):
        raise InvalidRequest("The body must be an object")
    messages = request.get("messages")
    if not isinstance(messages, list):
        raise InvalidRequest("must be a list", "messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise InvalidRequest("must be an object", f"messages[{index}]")
    counter = _Counter(count, 10 if model in {"gpt-3.5-turbo", "gpt-4"} else 7)
    made = [message for message in messages if message.get("role") == "assistant"]
    given = [message for message in messages if message.get("role") != "assistant"]
    tools = request.get("tools")
    tool_tokens = counter.tools(tools) if isinstance(tools, list) and tools else 0
    return TokenCount(input=counter.messages(given) + tool_tokens, output=counter.messages(made))


def _description(value: Any) -> str:
    return as_text(value).removesuffix(".") if truthy(value) else ""


@dataclass(frozen=True, slots=True)
class _Counter:
    count: Count
    per_function: int
    """``funcInit`` of compat.md 5.2, for a tool and for a call of one."""

    def messages(self, messages: list[dict[str, Any]]) -> int:
        return sum(map(self._message, messages)) + PER_LIST if messages else 0

    def _message(self, message: dict[str, Any]) -> int:
        total = PER_MESSAGE
        for name, value in message.items():
            if isinstance(value, str):
                total += self.count(value)
            if name == "name":
                total += PER_NAME
            elif name == "tool_calls" and isinstance(value, list):
                total += sum(self.per_function + self.count(compact(call)) for call in value) + FUNCTIONS_END
            elif name == "content" and isinstance(value, list):
                total += sum(map(self._part, value))
        return total

    def _part(self, part: Any) -> int:
        if not isinstance(part, dict):
            return 0
        if part.get("type") == "image_url":
            return count_picture(part.get("image_url"), self.count)
        text = part.get("text")
        return self.count(text) if isinstance(text, str) else 0

    def tools(self, tools: list[Any]) -> int:
        return sum(map(self._tool, tools)) + FUNCTIONS_END

    def _tool(self, tool: Any) -> int:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict):
            # Not a function (0.7.0 failed here): its text is the best guess.
            return self.per_function + self.count(text_or_compact(tool))
        name = as_text(function.get("name", ""))
        line = f"{name}:{_description(function.get('description'))}"
        parameters = function.get("parameters")
        total = self.per_function + self.count(line)
        return total + self._parameters(parameters) if isinstance(parameters, dict) else total

    def _parameters(self, parameters: dict[str, Any]) -> int:
        total = 0
        for name, value in parameters.items():
            if name != "properties":
                total += self.count(f"{name}:{text_or_compact(value)}")
            elif isinstance(value, dict) and value:
                total += PROPERTIES + sum(self._property(key, item) for key, item in value.items())
        return total

    def _property(self, key: str, schema: Any) -> int:
        if not isinstance(schema, dict):
            return PROPERTY
        total = PROPERTY
        choices = schema.get("enum")
        if isinstance(choices, list):
            total += ENUM + sum(ENUM_ITEM + self.count(as_text(item)) for item in choices)
        kind = schema.get("type")
        kind_text = as_text(kind) if truthy(kind) else "string"
        total += self.count(f"{key}:{kind_text}:{_description(schema.get('description'))}")
        for name, value in schema.items():
            if name not in {"type", "description", "enum"}:
                total += self.count(f"{name}:{text_or_compact(value)}")
        return total
