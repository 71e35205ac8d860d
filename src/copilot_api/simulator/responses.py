"""``POST /responses``: what it refuses, and its answers, whole or as events (upstream.md 5)."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any

from copilot_api.simulator import seals, vendors
from copilot_api.simulator.refusals import error

FIELDS = frozenset(
    {
        "model",
        "input",
        "instructions",
        "stream",
        "store",
        "previous_response_id",
        "max_output_tokens",
        "temperature",
        "top_p",
        "reasoning",
        "include",
        "text",
        "truncation",
        "prompt_cache_key",
        "context_management",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "user",
        "metadata",
        "safety_identifier",
        "top_logprobs",
        "max_tool_calls",
    }
)
"""Members that are taken; of the others the endpoint says that it does not know them."""
TOOLS = ("function", "custom", "tool_search", "namespace")
_ITEMS = frozenset(
    {
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "compaction",
        "tool_search_call",
        "tool_search_output",
    }
)
SMALLEST_CAP = 16


def read(request: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """Return the request as one of chat, for the pretend model. Raises `Refused`."""
    _check_members(request, model)
    given = request.get("input")
    items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list) or not items:
        raise error(400, "input: at least one item is required", "invalid_request_body")
    messages: list[dict[str, Any]] = []
    if isinstance(request.get("instructions"), str):
        messages.append({"role": "system", "content": request["instructions"]})
    called: set[str] = set()
    for item in items:
        messages += _messages(item, model["id"], called)
    wanted = request.get("text")
    text: dict[str, Any] = wanted if isinstance(wanted, dict) else {}
    reasoning = request.get("reasoning")
    return {
        "messages": messages,
        "tools": _tools(request.get("tools") or []),
        "tool_choice": _choice(request.get("tool_choice")),
        "max_tokens": request.get("max_output_tokens"),
        "reasoning_effort": reasoning.get("effort", "medium") if isinstance(reasoning, dict) else None,
        "response_format": _format(text.get("format")),
    }


def _check_members(request: dict[str, Any], model: dict[str, Any]) -> None:
    unknown = sorted(set(request) - FIELDS)
    if unknown:
        raise error(400, f"Unknown parameter: '{unknown[0]}'.", "unknown_parameter", param=unknown[0])
    if request.get("store"):
        raise error(400, "store is not supported", "unsupported_value", param="store")
    if request.get("previous_response_id"):
        raise error(400, "Previous response was not found.", "previous_response_not_found")
    cap = request.get("max_output_tokens")
    if isinstance(cap, int) and cap < SMALLEST_CAP:
        message = f"Invalid 'max_output_tokens': integer below minimum value of {SMALLEST_CAP}."
        raise error(400, message, "integer_below_min_value", param="max_output_tokens")
    for name in ("temperature", "top_p"):
        if request.get(name) is not None:
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            raise error(400, message, "unsupported_parameter", param=name)
    reasoning = request.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    efforts = model["capabilities"]["supports"].get("reasoning_effort")
    if effort is not None and efforts is not None and effort not in efforts:
        raise error(400, f"reasoning effort {effort} is not supported", "invalid_reasoning_effort")
    if request.get("tool_choice") not in (None, "auto", "none") and not request.get("tools"):
        message = "A tool_choice was set on the request but no tools were specified."
        raise error(400, message, "invalid_request_body", param="tool_choice")


def _messages(item: Any, model: str, called: set[str]) -> list[dict[str, Any]]:
    if not isinstance(item, dict):
        raise error(400, "input items must be objects", "invalid_request_body")
    kind = item.get("type", "message")
    if kind not in _ITEMS:
        raise error(400, f"Invalid value: '{kind}'.", "invalid_value", param="input")
    if kind == "message":
        return [{"role": item.get("role"), "content": _content(item.get("content"))}]
    if kind == "reasoning":
        _check_reasoning(item, model)
        return []
    if kind in ("function_call", "custom_tool_call"):
        called.add(item["call_id"])
        arguments = item.get("arguments", item.get("input", ""))
        function = {"name": item.get("name"), "arguments": arguments}
        call = {"id": item["call_id"], "type": "function", "function": function}
        return [{"role": "assistant", "content": None, "tool_calls": [call]}]
    if kind in ("function_call_output", "custom_tool_call_output"):
        if item.get("call_id") not in called:
            message = f"No tool call found for function call output with call_id {item.get('call_id')}."
            raise error(400, message, "invalid_request_body", param="input")
        return [{"role": "tool", "content": _content(item.get("output"))}]
    return []


def _check_reasoning(item: dict[str, Any], model: str) -> None:
    given = item.get("id")
    if given is not None and not str(given).startswith("rs"):
        message = f"Invalid 'input[0].id': '{given}'. Expected an ID that begins with 'rs'."
        raise error(400, message, "invalid_value", param="input[0].id")
    carrier = item.get("encrypted_content")
    if carrier is not None and not seals.fits(carrier, "responses", model):
        message = (
            "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted."
        )
        raise error(400, message, "invalid_encrypted_content")


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    parts: list[dict[str, Any]] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "input_image":
            parts.append({"type": "image_url", "image_url": {"url": part.get("image_url")}})
        elif kind in ("input_text", "output_text", "text"):
            parts.append({"type": "text", "text": part.get("text", "")})
        elif kind != "input_file":
            raise error(400, f"Invalid value: '{kind}'.", "invalid_value", param="input")
    return parts


def _tools(tools: list[Any]) -> list[dict[str, Any]]:
    found = []
    for tool in tools:
        if tool.get("type") not in TOOLS:
            raise error(400, f"The requested tool {tool.get('type')} is not supported.", "unsupported_value")
        if tool["type"] == "namespace":
            inner = [{**each, "namespace": tool.get("name")} for each in tool.get("tools", [])]
            found += [{"type": "function", "function": each} for each in inner]
        elif tool["type"] == "custom":
            free = {"properties": {"input": {"type": "string"}}, "required": ["input"], "type": "object"}
            function = {"name": tool["name"], "parameters": free, "freeform": True}
            found.append({"type": "function", "function": function})
        elif "name" in tool:
            found.append({"type": "function", "function": tool})
    return found


def _choice(choice: Any) -> Any:
    if isinstance(choice, dict) and choice.get("type") in ("function", "custom"):
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice


def _format(given: Any) -> Any:
    if isinstance(given, dict) and given.get("type") == "json_schema":
        return {"type": "json_schema", "json_schema": {"name": given.get("name"), "schema": given["schema"]}}
    return given


def whole(reply: vendors.Reply) -> dict[str, Any]:
    """Return the non-streamed answer."""
    body = _response(reply, _random_id(), [_finished(item) for item in _items(reply)])
    return body | {"copilot_usage": vendors.copilot_usage(reply)}


def events(reply: vendors.Reply) -> Iterator[dict[str, Any]]:
    """Yield the events of the streamed answer: each names its item by another id."""
    number = -1

    def event(kind: str, **members: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        return {"type": kind, **members, "sequence_number": number}

    first = _response(reply, _random_id(), None)
    yield event("response.created", response=first)
    yield event("response.in_progress", response=first)
    items = _items(reply)
    for index, item in enumerate(items):
        for kind, members in _steps(item):
            yield event(kind, output_index=index, **members)
    done = _response(reply, first["id"], [_finished(item) for item in items])
    kind = "response.incomplete" if done["status"] == "incomplete" else "response.completed"
    usage = {"copilot_usage": vendors.copilot_usage(reply)}
    yield {**event(kind, response=done), **usage}


def _random_id() -> str:
    return base64.b64encode(secrets.token_bytes(48)).decode()


def _response(reply: vendors.Reply, response_id: str, output: list[Any] | None) -> dict[str, Any]:
    cut = reply.answer.finish_reason == "length"
    cost = reply.cost
    body: dict[str, Any] = {
        "id": response_id,
        "object": "response",
        "created_at": reply.created,
        "status": "in_progress" if output is None else "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut and output is not None else None,
        "instructions": None,
        "max_output_tokens": None,
        "model": f"{reply.model}-2026-03-05",
        "output": output or [],
        "parallel_tool_calls": True,
        "service_tier": "priority",
        "store": False,
        "usage": None,
    }
    if output is not None:
        body["usage"] = {
            "input_tokens": cost.input,
            "input_tokens_details": {"cached_tokens": cost.cached},
            "output_tokens": cost.output,
            "output_tokens_details": {"reasoning_tokens": 9 if reply.answer.reasoning else 0},
            "total_tokens": cost.input + cost.output,
        }
    return body


def _items(reply: vendors.Reply) -> list[dict[str, Any]]:
    """Return the output items as they are in the end, but for their ids."""
    answer = reply.answer
    items: list[dict[str, Any]] = []
    if answer.reasoning:
        carrier = seals.seal("responses", reply.model, answer.reasoning)
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        items.append({"type": "reasoning", "encrypted_content": carrier, "summary": summary})
    if answer.text:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
        phase = "commentary" if answer.calls else "final_answer"
        status = "incomplete" if answer.finish_reason == "length" else "completed"
        item = {"type": "message", "status": status, "role": "assistant", "phase": phase, "content": [part]}
        items.append(item)
    for call in answer.calls:
        given: dict[str, Any] = {"call_id": f"call_{secrets.token_hex(12)}", "name": call.name}
        if call.namespace:
            given["namespace"] = call.namespace
        if call.raw is not None:
            items.append({"type": "custom_tool_call", "status": "completed", "input": call.raw, **given})
        else:
            text = json.dumps(call.arguments, ensure_ascii=False) if call.arguments else ""
            items.append({"type": "function_call", "status": "completed", "arguments": text, **given})
    return items


def _finished(item: dict[str, Any]) -> dict[str, Any]:
    return {"id": _random_id(), **item}


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    started = {**_finished(item), "status": "in_progress"}
    for name, empty in (("content", []), ("arguments", ""), ("input", ""), ("summary", [])):
        if name in started:
            started[name] = empty
    if item["type"] == "reasoning":
        del started["status"]
        started["encrypted_content"] = _random_id()
    return started


def _steps(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "response.output_item.added", {"item": _begun(item)}
    if item["type"] == "message":
        part = item["content"][0]
        place = {"content_index": 0}
        yield "response.content_part.added", {"item_id": _random_id(), **place, "part": {**part, "text": ""}}
        for piece in vendors.pieces(part["text"], 2):
            more = {"delta": piece, "logprobs": [], "obfuscation": secrets.token_hex(3)}
            yield "response.output_text.delta", {"item_id": _random_id(), **place, **more}
        done = {"text": part["text"], "logprobs": []}
        yield "response.output_text.done", {"item_id": _random_id(), **place, **done}
        yield "response.content_part.done", {"item_id": _random_id(), **place, "part": part}
    elif item["type"] == "reasoning":
        place = {"summary_index": 0}
        empty, part = {"type": "summary_text", "text": ""}, item["summary"][0]
        yield "response.reasoning_summary_part.added", {"item_id": _random_id(), **place, "part": empty}
        for piece in vendors.pieces(part["text"], 5):
            yield "response.reasoning_summary_text.delta", {"item_id": _random_id(), **place, "delta": piece}
        text = {"text": part["text"]}
        yield "response.reasoning_summary_text.done", {"item_id": _random_id(), **place, **text}
        yield "response.reasoning_summary_part.done", {"item_id": _random_id(), **place, "part": part}
    else:
        stem, member = (
            ("response.custom_tool_call_input", "input")
            if item["type"] == "custom_tool_call"
            else ("response.function_call_arguments", "arguments")
        )
        text = item[member]
        for at in range(0, len(text), 12):
            yield f"{stem}.delta", {"item_id": _random_id(), "delta": text[at : at + 12]}
        yield f"{stem}.done", {"item_id": _random_id(), member: text}
    yield "response.output_item.done", {"item": _finished(item)}
