"""A Responses request into a conversation, for legs of another format (upstream.md 5.2, 10.2, 11.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import AnswerContext, Conversation, Decoded, Text, Thinking, Turn
from copilot_api.engine.reference.formats.chat.frames import mapping, text
from copilot_api.engine.reference.formats.responses import items, tools

ECHOED = (
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
)
"""Members that the response object repeats."""
TELEMETRY = ("client_metadata", "access_programs", "stream_options")
"""Members that mean nothing for the answer."""
_OPTIONS = (
    ("max_output_tokens", "max_tokens"),
    ("stream", "stream"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("user", "user"),
    ("service_tier", "service_tier"),
    ("metadata", "metadata"),
    ("prompt_cache_key", "prompt_cache_key"),
)
_READ = (
    *ECHOED,
    *TELEMETRY,
    *(name for name, _ in _OPTIONS),
    "model",
    "input",
    "store",
    "include",
    "previous_response_id",
    "conversation",
    "prompt",
    "background",
)
_LOST = ("max_tool_calls", "safety_identifier")
_ENCRYPTED = "reasoning.encrypted_content"


def decode_request(value: dict[str, Any], _plan: RequestPlan) -> Decoded:
    """Return the conversation and the changes that were made.

    `value` was accepted by :mod:`.facts`. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest` for
    what cannot be sent to another leg.
    """
    offered = tools.Offered()
    listed = value.get("tools")
    for tool in listed or ():
        offered.add(tool)
    reader = items.Reader(offered)
    if isinstance(value["input"], str):
        reader.turns.append(Turn("user", (Text(value["input"]),), plain=True))
    else:
        for number, item in enumerate(value["input"]):
            reader.take(item, f"input[{number}]")
    instructions = value.get("instructions")
    turns = [Turn("system", (Text(instructions),), plain=True)] if instructions else []
    choice, narrowed = tools.choice(value.get("tool_choice"), offered)
    rewrites = [*_changes(value), *reader.rewrites, *offered.rewrites, *([narrowed] if narrowed else [])]
    parallel = value.get("parallel_tool_calls")
    conversation = Conversation(
        model=value["model"],
        turns=(*turns, *reader.turns),
        options=_options(value),
        tools=tuple(offered.tools) if offered.tools or listed == [] else None,
        tool_choice=choice,
        parallel_tools=parallel if isinstance(parallel, bool) else None,
        thinking=_thinking(value.get("reasoning")),
    )
    context = AnswerContext(
        custom=tuple(offered.custom),
        namespaces=offered.namespaces,
        echo={name: value[name] for name in ECHOED if value.get(name) is not None},
    )
    return Decoded(conversation, tuple(dict.fromkeys(rewrites)), context)


def _options(value: dict[str, Any]) -> dict[str, Any]:
    options = {name: value[key] for key, name in _OPTIONS if value.get(key) is not None}
    wanted = value.get("top_logprobs")
    if wanted:
        options["logprobs"] = True
        options["top_logprobs"] = wanted
    shape = mapping(value.get("text"))
    form = mapping(shape.get("format"))
    if form.get("type") == "json_schema":
        names = ("name", "description", "strict", "schema")
        schema = {name: form[name] for name in names if form.get(name) is not None}
        options["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif form.get("type") not in (None, "text"):
        options["response_format"] = form
    if shape.get("verbosity") is not None:
        options["verbosity"] = shape["verbosity"]
    return options


def _thinking(reasoning: Any) -> Thinking | None:
    wanted = mapping(reasoning)
    effort, summary = text(wanted.get("effort")), wanted.get("summary")
    if not effort and summary is None:
        return None
    return Thinking(effort, adaptive=not effort, summary=summary)


def _changes(value: dict[str, Any]) -> list[str]:
    found = []
    if value.get("store") is True:
        found.append("store sent as false: answers are not stored here")
    if value.get("truncation") == "auto":
        found.append("dropped truncation")
    included = value.get("include")
    for name in included if isinstance(included, list) else ():
        found += [f"dropped include {jsontext.well_formed(text(name))}"] if name != _ENCRYPTED else []
    found += [f"dropped {name}" for name in _LOST if value.get(name) is not None]
    found += [f"withheld {name}" for name in TELEMETRY if value.get(name) is not None]
    found += [
        f"dropped {jsontext.well_formed(name)}"
        for name in value
        if name not in _READ and value[name] is not None
    ]
    return found
