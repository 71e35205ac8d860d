"""A conversation into a request for Copilot's Responses endpoint (upstream.md 5.2, 11.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Conversation, Tool
from copilot_api.engine.reference.formats.chat.frames import count, mapping
from copilot_api.engine.reference.formats.responses.input_items import Writer, text_of
from copilot_api.engine.reference.formats.responses.limits import effort_of, fit_cap, fit_effort

_PASSED = ("temperature", "top_p", "user", "prompt_cache_key")
_WITHOUT_FORM = (
    "stop",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "metadata",
    "service_tier",
)
ENCRYPTED = "reasoning.encrypted_content"


def encode_request(conversation: Conversation, plan: RequestPlan) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the request as a JSON value, and the changes that were made."""
    rewrites: list[str] = []
    request: dict[str, Any] = {"model": conversation.model}
    request |= _input(conversation, plan, rewrites)
    request |= _options(conversation.options, plan, rewrites)
    request |= _tools(conversation, rewrites)
    request |= _reasoning(conversation, plan, rewrites)
    request["store"] = False
    for name in plan.dropped:
        rewrites += [f"dropped {name}, which the model refuses"] if drop(request, name) else []
    return request, tuple(rewrites)


def drop(request: dict[str, Any], name: str) -> bool:
    """Remove a member, dotted below the top level; tell whether it was there."""
    *outer, last = name.split(".")
    at: Any = request
    for member in outer:
        at = mapping(at).get(member)
    if not isinstance(at, dict) or last not in at:
        return False
    del at[last]
    return True


def _input(conversation: Conversation, plan: RequestPlan, rewrites: list[str]) -> dict[str, Any]:
    turns = list(conversation.turns)
    first = next((at for at, turn in enumerate(turns) if turn.role != "system"), None)
    writer = Writer(conversation, plan)
    for turn in turns if first is None else turns[first:]:
        writer.take(turn)
    rewrites += writer.rewrites
    instructions = [text_of(turn) for turn in turns[: first or 0]]
    head = {"instructions": "\n\n".join(instructions)} if instructions else {}
    return {**head, "input": writer.items}


def _options(options: dict[str, Any], plan: RequestPlan, rewrites: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    cap = options.get("max_completion_tokens")
    cap = options.get("max_tokens") if cap is None else cap
    if cap is None and plan.output_cap is not None:
        cap = jsontext.Number(str(plan.output_cap))
    if cap is not None:
        made["max_output_tokens"], change = fit_cap(cap, plan.traits)
        rewrites += [change] if change else []
    stream = options.get("stream") if plan.stream is None else plan.stream
    if stream is not None:
        made["stream"] = stream
    made |= {name: options[name] for name in _PASSED if options.get(name) is not None}
    shape: dict[str, Any] = {}
    if isinstance(options.get("response_format"), dict):
        shape["format"] = _format(options["response_format"])
    if options.get("verbosity") is not None:
        shape["verbosity"] = options["verbosity"]
    if shape:
        made["text"] = shape
    rewrites += [f"dropped {name}" for name in _WITHOUT_FORM if options.get(name) not in (None, False)]
    if options.get("n") is not None and count(options["n"]) != 1:
        rewrites.append("dropped n")
    if options.get("store") is True:
        rewrites.append("store sent as false: answers are not stored here")
    return made


def _format(form: dict[str, Any]) -> dict[str, Any]:
    if form.get("type") != "json_schema":
        return form
    schema = mapping(form.get("json_schema"))
    return {"type": "json_schema", "name": "answer", **schema}


def _tools(conversation: Conversation, rewrites: list[str]) -> dict[str, Any]:
    choice, made = _choice(conversation.tool_choice), dict[str, Any]()
    if not conversation.tools:
        if choice is not None and choice != "none":
            rewrites.append("left out tool_choice: there are no tools")
        return made
    made["tools"] = [_tool(tool) for tool in conversation.tools]
    if choice is not None:
        made["tool_choice"] = choice
    if conversation.parallel_tools is not None:
        made["parallel_tool_calls"] = conversation.parallel_tools
    return made


def _tool(tool: Tool) -> dict[str, Any]:
    members = {name: value for name, value in tool.members.items() if value is not None}
    if tool.custom:
        return {"type": "custom", **members}
    made = {"type": "function", **members}
    made.setdefault("parameters", {"type": "object", "properties": {}})
    # Without it this format takes a function for strict, which chat does not.
    made.setdefault("strict", False)
    return made


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict):
        return choice
    kind = choice.get("type")
    if kind in ("function", "custom", "allowed_tools") and isinstance(choice.get(kind), dict):
        flat = {"type": kind, **choice[kind]}
        if isinstance(flat.get("tools"), list):
            flat["tools"] = [_choice(tool) for tool in flat["tools"]]
        return flat
    return choice


def _reasoning(conversation: Conversation, plan: RequestPlan, rewrites: list[str]) -> dict[str, Any]:
    thinking = conversation.thinking
    if thinking is None:
        return {"include": [ENCRYPTED]}
    effort, change = fit_effort(effort_of(thinking), plan.traits)
    rewrites += [change] if change else []
    if effort == "none":
        return {"reasoning": {"effort": effort}}
    made: dict[str, Any] = {"effort": effort} if effort else {}
    made["summary"] = "auto" if thinking.summary is None else thinking.summary
    return {"reasoning": made, "include": [ENCRYPTED]}
