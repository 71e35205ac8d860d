"""The response object, and the items in it, as this format publishes them (upstream.md 10.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import AnswerContext
from copilot_api.engine.reference.formats.chat.frames import mapping
from copilot_api.engine.reference.formats.responses import tools

_LONGEST_TAIL = 40
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def incomplete_reason(finish_reason: str) -> str:
    """Return why an answer is incomplete; empty for one that is complete."""
    return _INCOMPLETE.get(finish_reason, "")


@dataclass(frozen=True, slots=True)
class Head:
    """What does not change from the first event to the last."""

    response_id: str
    model: str
    created: int
    echo: dict[str, Any] = field(default_factory=dict)

    def item_id(self, prefix: str, index: int) -> str:
        """Return the id of an output item: the same from its first event on."""
        return f"{prefix}_{_tail(self.response_id.removeprefix('resp_'))}{index}"

    def response(
        self,
        status: str,
        output: list[dict[str, Any]],
        usage: Usage | None = None,
        *,
        error: dict[str, Any] | None = None,
        incomplete: str = "",
    ) -> dict[str, Any]:
        """Return the response object."""
        echo = self.echo
        return {
            "id": self.response_id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": False,
            "error": error,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "instructions": echo.get("instructions"),
            "max_output_tokens": echo.get("max_output_tokens"),
            "max_tool_calls": echo.get("max_tool_calls"),
            "model": self.model,
            "output": output,
            "parallel_tool_calls": echo.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "prompt_cache_key": echo.get("prompt_cache_key"),
            "reasoning": {"effort": None, "summary": None, **mapping(echo.get("reasoning"))},
            "safety_identifier": echo.get("safety_identifier"),
            "service_tier": "default",
            "store": False,
            "temperature": echo.get("temperature"),
            "text": {"format": {"type": "text"}, **mapping(echo.get("text"))},
            "tool_choice": echo.get("tool_choice", "auto"),
            "tools": echo.get("tools", []),
            "top_logprobs": echo.get("top_logprobs"),
            "top_p": echo.get("top_p"),
            "truncation": echo.get("truncation", "disabled"),
            "usage": usage_json(usage),
            "user": echo.get("user"),
            "metadata": echo.get("metadata", {}),
        }


def head(upstream_id: str, model: str, created: int | None, context: AnswerContext) -> Head:
    """Return the head of an answer; the id of an upstream of this format is kept."""
    response_id = upstream_id if upstream_id.startswith("resp_") else f"resp_{_tail(upstream_id)}"
    return Head(response_id, model, created or 0, context.echo)


def _tail(given: str) -> str:
    kept = "".join(character for character in given if character.isascii() and character.isalnum())
    return kept[-_LONGEST_TAIL:] or "0"


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    """Return the usage object; null when upstream said nothing."""
    if usage is None:
        return None
    cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def text_part(said: str) -> dict[str, Any]:
    """Return an ``output_text`` part."""
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": said}


def message_item(item_id: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a message of the assistant."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def reasoning_item(item_id: str, thought: str, seal: str) -> dict[str, Any]:
    """Return a reasoning item; `seal` is its ``encrypted_content``, left out when there is none."""
    summary = [{"type": "summary_text", "text": thought}] if thought else []
    item = {"id": item_id, "type": "reasoning", "summary": summary}
    return {**item, "encrypted_content": seal} if seal else item


@dataclass(frozen=True, slots=True)
class CallKind:
    """How calls of a tool are written for this client."""

    type: str
    prefix: str
    name: str
    namespace: str = ""
    raw: bool = False
    """The arguments are a freeform tool's input already."""

    def item(self, item_id: str, status: str, call_id: str, arguments: str) -> dict[str, Any]:
        """Return the item; `arguments` as the model gave them."""
        item: dict[str, Any] = {"id": item_id, "type": self.type, "status": status}
        if self.type == "tool_search_call":
            return {**item, "execution": "client", "call_id": call_id, "arguments": _search(arguments)}
        if self.type == "custom_tool_call":
            item |= {"call_id": call_id, "name": self.name, "input": self.input(arguments)}
        else:
            item |= {"arguments": arguments, "call_id": call_id, "name": self.name}
        return {**item, "namespace": self.namespace} if self.namespace else item

    def input(self, arguments: str) -> str:
        """Return a freeform tool's input."""
        return arguments if self.raw or not arguments else tools.unwrapped(arguments)


def call_kind(name: str, custom: bool, namespace: str, context: AnswerContext) -> CallKind:
    """Return how a call of a tool is written; `name` is the one that the client's request was sent with."""
    space = context.namespaces.get(name, namespace)
    own = tools.own_name(context.namespaces[name], name) if name in context.namespaces else name
    if custom or name in context.custom:
        return CallKind("custom_tool_call", "ctc", own, space, custom)
    if name == tools.SEARCH and _searches(context):
        return CallKind("tool_search_call", "tsc", own)
    return CallKind("function_call", "fc", own, space)


def _searches(context: AnswerContext) -> bool:
    return any(mapping(tool).get("type") == tools.SEARCH for tool in context.echo.get("tools", ()))


def _search(arguments: str) -> Any:
    try:
        return jsontext.loads(jsontext.encode(arguments)) if arguments else {}
    except InvalidRequest:
        return {"query": arguments}
