"""A chat request into a conversation, for models that have no chat endpoint (upstream.md 10.1, 11)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import AnswerContext, Conversation, Decoded
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.decode_messages import turns_of
from copilot_api.engine.reference.formats.chat.decode_tools import choice_of, tools_of
from copilot_api.engine.reference.formats.chat.thinking import MEMBERS, shown, thinking_of

_OPTIONS = (
    *("max_tokens", "max_completion_tokens", "stop", "stream", "temperature", "top_p", "top_k", "user"),
    *("presence_penalty", "frequency_penalty", "seed", "logit_bias", "response_format", "verbosity"),
    *("prompt_cache_key", "metadata", "service_tier", "store"),
)
_READ = (
    *("model", "messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
    *("n", "stream_options", *MEMBERS, *_OPTIONS),
)


def decode_request(value: dict[str, Any], _plan: RequestPlan) -> Decoded:
    """Return the conversation and the changes that were made.

    `value` was accepted by validation. Raises :class:`InvalidRequest` for what cannot be translated.
    """
    if (frames.count(value.get("n")) or 1) > 1:
        raise InvalidRequest("this model gives one choice", "n")
    rewrites: list[str] = []
    turns = turns_of(value["messages"], rewrites)
    choice, tools = choice_of(value, tools_of(value, rewrites), rewrites)
    parallel = value.get("parallel_tool_calls")
    rewrites += [
        f"dropped {jsontext.well_formed(name)}"
        for name, member in value.items()
        if name not in _READ and member is not None and member is not False
    ]
    thinking, asked = shown(thinking_of(value))
    conversation = Conversation(
        model=value["model"],
        turns=tuple(turns),
        options={name: value[name] for name in _OPTIONS if value.get(name) is not None},
        tools=tools,
        tool_choice=choice,
        parallel_tools=parallel if isinstance(parallel, bool) else None,
        thinking=thinking,
    )
    custom = tuple(tool.members["name"] for tool in tools or () if tool.custom)
    legacy = value.get("functions") is not None and value.get("tools") is None
    echo = {**({"functions": True} if legacy else {}), **asked}
    return Decoded(conversation, tuple(dict.fromkeys(rewrites)), AnswerContext(custom=custom, echo=echo))
