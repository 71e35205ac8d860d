"""A conversation into an Anthropic request (upstream.md 6.2, 11.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Conversation, Text, Thinking, Tool
from copilot_api.engine.reference.formats.chat import custom_tools, frames
from copilot_api.engine.reference.formats.messages import cache_marks
from copilot_api.engine.reference.formats.messages.draft import Draft
from copilot_api.engine.reference.formats.messages.encode_turns import encode_turns
from copilot_api.engine.reference.formats.messages.mend import mend
from copilot_api.engine.reference.formats.messages.mend_thinking import instruct
from copilot_api.engine.reference.jsontext import Number

_TAKEN = (
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "user",
    "response_format",
)
_HARMLESS = ("store", "prompt_cache_key", "metadata", "service_tier", "verbosity")
"""Options that change what an answer costs or how it is kept or worded, not what is in it."""
_DEFAULTS = {"n": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "top_logprobs": 0.0}


def encode_request(conversation: Conversation, plan: RequestPlan) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the request as a JSON value, and the changes that were made.

    Raises :class:`InvalidRequest` for what cannot be expressed.
    """
    if (frames.count(conversation.options.get("n")) or 1) > 1:
        raise InvalidRequest("one choice at a time can be made", "n")
    draft = Draft({"model": conversation.model}, plan)
    request, options = draft.request, conversation.options
    cap = next((options[name] for name in ("max_completion_tokens", "max_tokens") if name in options), None)
    if cap is not None:
        request["max_tokens"] = cap
    system, turns = _parted(conversation)
    if system:
        request["system"] = system
    request["messages"] = encode_turns(turns, draft)
    if conversation.tools:
        request["tools"] = [_tool(tool) for tool in conversation.tools]
        if any(tool.custom for tool in conversation.tools):
            draft.say("sent freeform tools as functions")
        if (choice := _choice(conversation.tool_choice, conversation.parallel_tools)) is not None:
            request["tool_choice"] = choice
    if conversation.thinking is not None:
        _think(draft, conversation.thinking)
    if "response_format" in options:
        _form(draft, options["response_format"])
    _options(draft, options)
    mend(draft)
    if plan.cache_breakpoints and not cache_marks.has_any(request):
        cache_marks.add(request)
    return request, draft.rewrites


def _parted(conversation: Conversation) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the system prompt, and the turns that follow; later system turns stay where they are."""
    turns = list(conversation.turns)
    leading = 0
    while leading < len(turns) and turns[leading].role == "system":
        leading += 1
    if leading == len(turns) and leading:
        leading -= 1  # someone has to say something
    blocks = []
    for turn in turns[:leading]:
        texts = [block.text for block in turn.blocks if isinstance(block, Text) and block.text.strip()]
        blocks += [{"type": "text", "text": text} for text in texts]
        if texts and turn.cache is not None:
            blocks[-1]["cache_control"] = _copy(turn.cache)
    return blocks, turns[leading:]


def _copy(mark: Any) -> Any:
    return dict(mark) if isinstance(mark, dict) else mark


def _tool(tool: Tool) -> dict[str, Any]:
    members = custom_tools.as_function(tool.members) if tool.custom else tool.members
    schema = members.get("parameters")
    made = {"name": members.get("name")}
    if isinstance(members.get("description"), str):
        made["description"] = members["description"]
    made["input_schema"] = dict(schema) if isinstance(schema, dict) else {"type": "object", "properties": {}}
    if tool.cache is not None:
        made["cache_control"] = _copy(tool.cache)
    return made


def _choice(choice: Any, parallel: bool | None) -> dict[str, Any] | None:
    made: dict[str, Any] | None = None
    if isinstance(choice, dict):
        name = frames.text(frames.mapping(choice.get("function")).get("name"))
        if name:
            made = {"type": "tool", "name": name}
        elif frames.mapping(choice.get("allowed_tools")).get("mode") == "required":
            made = {"type": "any"}
    elif choice in ("auto", "none", "required"):
        made = {"type": "any" if choice == "required" else choice}
    if parallel is False and (made is None or made["type"] != "none"):
        made = {**(made or {"type": "auto"}), "disable_parallel_tool_use": True}
    return made


def _think(draft: Draft, thinking: Thinking) -> None:
    choice = frames.mapping(draft.request.get("tool_choice")).get("type")
    asks = thinking.effort or thinking.budget is not None or thinking.adaptive
    if not asks or thinking.effort == "none":
        return
    if choice in ("any", "tool"):
        draft.say("left out thinking, which does not go with a forced tool")
        return
    if thinking.budget is not None:
        draft.request["thinking"] = {"type": "enabled", "budget_tokens": Number(str(thinking.budget))}
        return
    draft.request["thinking"] = {"type": "adaptive"}
    if thinking.summary is not None or thinking.effort:
        draft.request["thinking"]["display"] = "summarized"
    if thinking.effort:
        draft.request["output_config"] = {"effort": thinking.effort}


def _form(draft: Draft, form: Any) -> None:
    kind = frames.mapping(form).get("type")
    if kind == "json_schema":
        schema = _closed(frames.mapping(form.get("json_schema")).get("schema"))
        config = draft.request.setdefault("output_config", {})
        config["format"] = {"type": "json_schema", "schema": schema}
    elif kind == "json_object":
        instruct(draft, None)
        draft.say("response_format sent as an instruction")


def _closed(schema: Any) -> Any:
    """Return a schema whose objects allow no other properties: Anthropic insists on that."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("type") == "object":
        closed["additionalProperties"] = False
    return closed


def _options(draft: Draft, options: dict[str, Any]) -> None:
    request = draft.request
    stop = options.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    usable = [item for item in stops if isinstance(item, str) and item.strip()]
    if len(usable) < len(stops):
        draft.say("dropped blank stop sequences")
    if usable:
        request["stop_sequences"] = usable
    for name in ("stream", "temperature", "top_p", "top_k"):
        if options.get(name) is not None:
            request[name] = options[name]
    temperature = request.get("temperature")
    if isinstance(temperature, Number) and float(temperature.text) > 1:
        request["temperature"] = Number("1")
        draft.say("temperature sent as 1, the highest there is")
    if isinstance(options.get("user"), str):
        request["metadata"] = {"user_id": options["user"]}
    for name, value in options.items():
        if name in _TAKEN or value is None:
            continue
        usual = value is False or (isinstance(value, Number) and _DEFAULTS.get(name) == float(value.text))
        word = "removed" if usual or name in _HARMLESS else "dropped"
        draft.say(f"{word} {jsontext.well_formed(name)}")
