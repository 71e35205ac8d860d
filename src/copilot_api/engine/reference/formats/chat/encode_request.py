"""A conversation into a chat request: member order and shapes of compat.md 4.1 and 4.3, cured."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference.canonical import Conversation, Tool
from copilot_api.engine.reference.formats.chat import cache_marks, custom_tools, dropping, effort, frames
from copilot_api.engine.reference.formats.chat.completion import number
from copilot_api.engine.reference.formats.chat.encode_messages import ERROR_MARK, messages_of

__all__ = ["ERROR_MARK", "encode_request"]

_BEFORE_TOOLS = ("max_tokens", "max_completion_tokens", "stop", "stream", "temperature", "top_p", "user")
_AFTER_TOOLS = (
    *("response_format", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "logprobs"),
    *("top_logprobs", "n"),
)
_UNKNOWN = ("top_k", "verbosity", "prompt_cache_key", "metadata", "service_tier", "store")
"""What Copilot's chat endpoint does not have: it may refuse the model because of them (upstream.md 4.1)."""


def encode_request(conversation: Conversation, plan: RequestPlan) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the request as a JSON value, and the changes that were made.

    Raises :class:`InvalidRequest` for what cannot be said in chat.
    """
    rewrites: list[str] = []
    options = _options(conversation, plan, rewrites)
    request: dict[str, Any] = {
        "model": conversation.model,
        "messages": [message for turn in conversation.turns for message in messages_of(turn, plan, rewrites)],
    }
    for name in _BEFORE_TOOLS:
        if name in options:
            request[plan.cap_field if name == "max_tokens" else name] = options[name]
    if conversation.tools is not None:
        request["tools"] = [_tool(tool, rewrites) for tool in conversation.tools]
    if conversation.tool_choice is not None and conversation.tools:
        request["tool_choice"] = conversation.tool_choice
    if conversation.parallel_tools is not None and conversation.tools:
        request["parallel_tool_calls"] = conversation.parallel_tools
    for name in _AFTER_TOOLS:
        if name in options:
            request[name] = options[name]
    request |= effort.members_of(conversation.thinking, request, plan, rewrites)
    cache_marks.mark(request, plan, rewrites)
    dropping.drop(request, plan.dropped, rewrites)
    return request, tuple(dict.fromkeys(rewrites))


def _options(conversation: Conversation, plan: RequestPlan, rewrites: list[str]) -> dict[str, Any]:
    options = dict(conversation.options)
    if (frames.count(options.get("n")) or 1) > 1:
        raise InvalidRequest("one choice at a time can be made", "n")
    if plan.stream is not None:
        options["stream"] = plan.stream
    capped = options.get("max_tokens") is not None or options.get("max_completion_tokens") is not None
    if not capped and plan.output_cap is not None:
        options["max_tokens"] = number(plan.output_cap)
        options.pop("max_completion_tokens", None)
    elif "max_tokens" in options and plan.cap_field != "max_tokens":
        rewrites.append(f"max_tokens sent as {plan.cap_field}")
    rewrites += [f"dropped {name}" for name in _UNKNOWN if options.get(name) is not None]
    claude = cache_marks.is_claude(conversation.model, plan)
    if claude and options.get("temperature") is not None and options.get("top_p") is not None:
        # Claude refuses the two together (upstream.md 4.1).
        del options["top_p"]
        rewrites.append("dropped top_p: Claude takes temperature or top_p")
    return options


def _tool(tool: Tool, rewrites: list[str]) -> dict[str, Any]:
    function = tool.members
    if tool.custom:
        function = custom_tools.as_function(tool.members)
        rewrites.append("sent freeform tools as functions")
    entry: dict[str, Any] = {"type": "function", "function": function}
    if tool.cache is not None:
        entry[cache_marks.MEMBER] = cache_marks.marker()
    return entry
