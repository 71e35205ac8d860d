"""``POST /v1/messages`` for Claude: what it refuses, and its answers, whole or as events (upstream.md 6)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from copilot_api.simulator import seals, vendors
from copilot_api.simulator.refusals import anthropic

FIELDS = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "stop_sequences",
        "temperature",
        "top_p",
        "top_k",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "metadata",
        "context_management",
    }
)
BETAS = ("interleaved-thinking-", "context-management-", "advanced-tool-use-", "extended-cache-ttl-")
MOST_BREAKPOINTS = 4
_BLOCKS = frozenset(
    {
        "text",
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "redacted_thinking",
        "tool_reference",
        "search_result",
    }
)
_TOOL_FIELDS = frozenset(
    {
        "name",
        "description",
        "input_schema",
        "cache_control",
        "defer_loading",
        "input_examples",
    }
)
_ID = re.compile(r"[a-zA-Z0-9_-]+\Z")
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def read(request: dict[str, Any], model: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the request as one of chat, for the pretend model. Raises `Refused`."""
    betas = [beta.strip() for beta in headers.get("anthropic-beta", "").split(",") if beta.strip()]
    _check_members(request, model, betas)
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise anthropic(400, "messages: at least one message is required")
    if messages[-1].get("role") != "user":
        raise anthropic(400, "This model does not support assistant message prefill.")
    found = [{"role": "system", "content": text} for text in _system(request.get("system"))]
    asked: list[str] = []
    for number, message in enumerate(messages):
        found += _messages(message, f"messages.{number}", model["id"], asked)
    thinking = request.get("thinking") or {}
    return {
        "messages": found,
        "tools": [
            {"type": "function", "function": {"name": t["name"], "parameters": t.get("input_schema", {})}}
            for t in request.get("tools") or []
        ],
        "tool_choice": _choice(request.get("tool_choice")),
        "max_tokens": request["max_tokens"],
        "stop": request.get("stop_sequences"),
        "reasoning_effort": "high" if thinking.get("type") in ("enabled", "adaptive") else None,
        "response_format": _format(request.get("output_config")),
    }


def _check_members(request: dict[str, Any], model: dict[str, Any], betas: list[str]) -> None:
    unknown = sorted(set(request) - FIELDS)
    if unknown:
        raise anthropic(400, f"{unknown[0]}: Extra inputs are not permitted")
    foreign = [beta for beta in betas if not beta.startswith(BETAS)]
    if foreign:
        raise anthropic(400, f"Unexpected value(s) `{foreign[0]}` for the `anthropic-beta` header.")
    if "context_management" in request and not any(beta.startswith(BETAS[1]) for beta in betas):
        raise anthropic(400, "context_management: Extra inputs are not permitted")
    cap, limit = request.get("max_tokens"), model["capabilities"]["limits"]["max_output_tokens"]
    if not isinstance(cap, int):
        raise anthropic(400, "max_tokens: Field required")
    if not 0 < cap <= limit:
        raise anthropic(400, f"max_tokens: {cap} > {limit}, which is the maximum allowed for {model['id']}")
    if request.get("temperature") is not None and request.get("top_p") is not None:
        raise anthropic(400, "`temperature` and `top_p` cannot both be specified for this model.")
    _check_thinking(request, model, cap)
    for number, tool in enumerate(request.get("tools") or []):
        _check_tool(tool, f"tools.{number}", betas)
    marks = _cache_marks(request)
    if len(marks) > MOST_BREAKPOINTS:
        words = f"A maximum of {MOST_BREAKPOINTS} blocks with cache_control may be provided"
        raise anthropic(400, f"{words}. Found {len(marks)}.")
    for mark in marks:
        if set(mark) - {"type", "ttl"}:
            raise anthropic(400, "cache_control.ephemeral.scope: Extra inputs are not permitted")
        if "ttl" in mark and not any(beta.startswith(BETAS[3]) for beta in betas):
            raise anthropic(400, "cache_control.ephemeral.ttl: Extra inputs are not permitted")


def _check_thinking(request: dict[str, Any], model: dict[str, Any], cap: int) -> None:
    supports = model["capabilities"]["supports"]
    thinking = request.get("thinking") or {}
    kind = thinking.get("type")
    if kind == "adaptive" and not supports.get("adaptive_thinking"):
        raise anthropic(400, "adaptive thinking is not supported on this model")
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if "max_thinking_budget" not in supports:
            raise anthropic(400, '"thinking.type.enabled" is not supported for this model.')
        low, high = supports["min_thinking_budget"], min(supports["max_thinking_budget"], cap - 1)
        if not isinstance(budget, int) or not low <= budget <= high:
            raise anthropic(400, f"thinking.enabled.budget_tokens: must be between {low} and {high}")
    if kind in ("enabled", "adaptive") and request.get("temperature") not in (None, 1):
        raise anthropic(400, "`temperature` may only be set to 1 when thinking is enabled.")
    effort = (request.get("output_config") or {}).get("effort")
    if effort is not None and effort not in supports.get("reasoning_effort", ()):
        raise anthropic(400, f"output_config.effort: '{effort}' is not supported by this model")


def _check_tool(tool: dict[str, Any], path: str, betas: list[str]) -> None:
    unknown = sorted(set(tool) - _TOOL_FIELDS)
    if unknown:
        raise anthropic(400, f"{path}.custom.{unknown[0]}: Extra inputs are not permitted")
    schema = tool.get("input_schema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise anthropic(400, f"{path}.custom.input_schema.type: Field required")
    if "$schema" in schema:
        raise anthropic(400, f"{path}.custom.input_schema: JSON schema is invalid")
    if "defer_loading" in tool and not any(beta.startswith(BETAS[2]) for beta in betas):
        raise anthropic(400, f"{path}.custom.defer_loading: Extra inputs are not permitted")


def _cache_marks(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [mark for item in value for mark in _cache_marks(item)]
    if not isinstance(value, dict):
        return []
    own = [value["cache_control"]] if isinstance(value.get("cache_control"), dict) else []
    return own + [mark for key, item in value.items() if key != "input" for mark in _cache_marks(item)]


def _system(system: Any) -> list[str]:
    if isinstance(system, str):
        return [system]
    return [block["text"] for block in system or []]


def _messages(message: Any, path: str, model: str, asked: list[str]) -> list[dict[str, Any]]:
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant"):
        raise anthropic(400, f"{path}.role: must be user or assistant")
    if isinstance(content, str):
        if not content.strip():
            raise anthropic(400, f"{path}: text content blocks must contain non-whitespace text")
        return [{"role": role, "content": content}]
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for number, block in enumerate(content or []):
        place = f"{path}.content.{number}"
        kind = block.get("type")
        if kind == "tool_result":
            results += _result(block, place, asked)
        elif kind == "tool_use":
            if not _ID.match(str(block.get("id"))):
                raise anthropic(400, f"{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
            asked.append(block["id"])
            function = {"name": block["name"], "arguments": json.dumps(block.get("input"))}
            calls.append({"id": block["id"], "type": "function", "function": function})
        else:
            parts += _part(block, place, model)
    if role == "assistant":
        return [{"role": role, "content": parts, "tool_calls": calls}]
    return [*results, {"role": "user", "content": parts}] if parts or not results else results


def _result(block: dict[str, Any], path: str, asked: list[str]) -> list[dict[str, Any]]:
    if block.get("tool_use_id") not in asked:
        words = "unexpected `tool_use_id` found in `tool_result` blocks"
        raise anthropic(400, f"{path}: {words}: {block.get('tool_use_id')}")
    content = block.get("content")
    if isinstance(content, list):
        content = [part for child in content for part in _part(child, path, "")]
    return [{"role": "tool", "content": content}]


def _part(block: dict[str, Any], path: str, model: str) -> list[dict[str, Any]]:
    kind = block.get("type")
    if kind not in _BLOCKS:
        raise anthropic(400, f"{path}: Input tag '{kind}' found using 'type' does not match any of the tags")
    if kind == "text":
        if not str(block.get("text", "")).strip():
            raise anthropic(400, f"{path}: text content blocks must be non-empty")
        return [{"type": "text", "text": block["text"]}]
    if kind == "image":
        source = block.get("source") or {}
        if source.get("type") != "base64":
            raise anthropic(400, f"{path}.image.source: only base64 sources are supported")
        url = f"data:{source.get('media_type')};base64,{source.get('data')}"
        return [{"type": "image_url", "image_url": {"url": url}}]
    if kind == "thinking" and not seals.fits(
        block.get("signature"), "messages", model, block.get("thinking") or None
    ):
        raise anthropic(400, f"{path}: Invalid `signature` in `thinking` block")
    if kind == "redacted_thinking" and not seals.fits(block.get("data"), "messages", model):
        raise anthropic(400, f"{path}: Invalid `data` in `redacted_thinking` block")
    return []


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict):
        return None
    if choice.get("type") == "tool":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return {"any": "required"}.get(str(choice.get("type")), choice.get("type"))


def _format(config: Any) -> Any:
    wanted = config.get("format") if isinstance(config, dict) else None
    if not isinstance(wanted, dict):
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted.get("schema", {})}}


def whole(reply: vendors.Reply) -> dict[str, Any]:
    """Return the non-streamed answer."""
    message = _message(reply)
    message["content"] = _blocks(reply)
    message["stop_reason"], message["stop_sequence"] = _stop(reply)
    message["usage"] = {**message["usage"], "output_tokens": reply.cost.output}
    return message


def events(reply: vendors.Reply) -> Iterator[dict[str, Any]]:
    """Yield the events of the streamed answer, without the ``[DONE]`` that wrongly follows them."""
    message = _message(reply)
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(_blocks(reply)):
        yield from _steps(block, index)
    reason, stop = _stop(reply)
    usage = {**message["usage"], "output_tokens": reply.cost.output}
    delta = {"stop_reason": reason, "stop_sequence": stop}
    billed = {"copilot_usage": vendors.copilot_usage(reply)}
    yield {"type": "message_delta", "delta": delta, "usage": usage, **billed}
    metrics = {"inputTokenCount": reply.cost.input, "outputTokenCount": reply.cost.output}
    yield {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}


def _message(reply: vendors.Reply) -> dict[str, Any]:
    cost = reply.cost
    return {
        "id": f"msg_vrtx_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": reply.model.replace(".", "-"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": cost.input - cost.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cost.cached,
            "output_tokens": 1,
        },
    }


def _stop(reply: vendors.Reply) -> tuple[str, str | None]:
    if reply.answer.stop is not None:
        return "stop_sequence", reply.answer.stop
    return _STOP_REASONS[reply.answer.finish_reason], None


def _blocks(reply: vendors.Reply) -> list[dict[str, Any]]:
    answer = reply.answer
    blocks: list[dict[str, Any]] = []
    if answer.reasoning:
        signature = seals.seal("messages", reply.model, answer.reasoning)
        blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": signature})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for call in answer.calls:
        call_id = f"toolu_vrtx_{secrets.token_hex(12)}"
        blocks.append({"type": "tool_use", "id": call_id, "name": call.name, "input": call.arguments})
    return blocks


def _steps(block: dict[str, Any], index: int) -> Iterator[dict[str, Any]]:
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty[block["type"]]}}

    def delta(kind: str, **members: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}

    if block["type"] == "text":
        for piece in vendors.pieces(block["text"], 3):
            yield delta("text_delta", text=piece)
    elif block["type"] == "thinking":
        for piece in vendors.pieces(block["thinking"], 5):
            yield delta("thinking_delta", thinking=piece)
        yield delta("signature_delta", signature=block["signature"])
    elif block["input"]:
        yield delta("input_json_delta", partial_json="")
        text = json.dumps(block["input"], ensure_ascii=False)
        for at in range(0, len(text), 12):
            yield delta("input_json_delta", partial_json=text[at : at + 12])
    yield {"type": "content_block_stop", "index": index}
