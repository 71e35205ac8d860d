"""One decided answer in each vendor's form, whole or as frames (upstream.md 4.2 to 4.4)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from copilot_api.simulator import seals
from copilot_api.simulator.conversation import Answer

_SAFE = {"filtered": False, "severity": "safe"}
_FILTERS = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
NANO_AIU_PER_TOKEN = {"input": 200_000, "cache_read": 50_000, "output": 800_000}


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens of one answer; cached ones are part of the input."""

    input: int
    cached: int
    output: int

    @property
    def nano_aiu(self) -> int:
        """The bill."""
        price = NANO_AIU_PER_TOKEN
        fresh = self.input - self.cached
        return fresh * price["input"] + self.cached * price["cache_read"] + self.output * price["output"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with what each form of it needs."""

    answer: Answer
    model: str
    vendor: str
    cost: Cost
    created: int

    @property
    def family(self) -> str:
        """``claude``, ``gemini`` or ``gpt``, whose form the answer takes."""
        return {"Anthropic": "claude", "Google": "gemini"}.get(self.vendor, "gpt")


def _ids(reply: Reply) -> tuple[str, list[str]]:
    prefix = {"claude": "msg_vrtx_", "gemini": "", "gpt": "chatcmpl-"}[reply.family]
    call = "toolu_vrtx_" if reply.family == "claude" else "call_"
    calls = [call + secrets.token_hex(12) for _ in reply.answer.calls]
    return prefix + secrets.token_hex(12), calls


def _usage(reply: Reply) -> dict[str, Any]:
    cost = reply.cost
    usage: dict[str, Any] = {
        "completion_tokens": cost.output,
        "prompt_tokens": cost.input,
        "prompt_tokens_details": {"cached_tokens": cost.cached},
        "total_tokens": cost.input + cost.output,
    }
    if reply.family == "gemini":
        usage["reasoning_tokens"] = 7
        usage["total_tokens"] += 7
    return usage


def copilot_usage(reply: Reply) -> dict[str, Any]:
    """Return the billing detail."""
    counts = {
        "input": reply.cost.input - reply.cost.cached,
        "cache_read": reply.cost.cached,
        "output": reply.cost.output,
    }
    details = [
        {
            "batch_size": 1_000_000,
            "cost_per_batch": NANO_AIU_PER_TOKEN[kind] * 1_000_000,
            "token_count": number,
            "token_type": kind,
        }
        for kind, number in counts.items()
    ]
    return {"token_details": details, "total_nano_aiu": reply.cost.nano_aiu}


def whole(reply: Reply) -> dict[str, Any]:
    """Return the non-streamed answer: Claude's in two choices, GPT's without ``object`` and ``created``."""
    response_id, call_ids = _ids(reply)
    answer = reply.answer
    calls = [
        {
            "function": {"arguments": json.dumps(call.arguments, ensure_ascii=False), "name": call.name},
            "id": call_id,
            "type": "function",
        }
        for call, call_id in zip(answer.calls, call_ids, strict=True)
    ]
    body: dict[str, Any] = {"id": response_id, "model": reply.model, "usage": _usage(reply)}
    reasoning = _reasoning(reply)
    if reply.family == "claude":
        body["created"] = reply.created
        text = {"content": answer.text, "role": "assistant", **reasoning}
        choices = [{"finish_reason": answer.finish_reason, "index": 0, "message": text}]
        if calls:
            tools = {"role": "assistant", "tool_calls": calls}
            choices.append({"finish_reason": "tool_calls", "index": 0, "message": tools})
        return {"choices": choices, **body}
    message: dict[str, Any] = {"content": answer.text, "role": "assistant", **reasoning}
    if calls:
        message |= {"content": None, "tool_calls": calls}
    choice: dict[str, Any] = {"finish_reason": answer.finish_reason, "index": 0, "message": message}
    if reply.family == "gpt":
        choice["content_filter_results"] = _FILTERS
        message["padding"] = "abcdefghij"
        body["copilot_usage"] = copilot_usage(reply)
    return {"choices": [choice], **body}


def _reasoning(reply: Reply) -> dict[str, Any]:
    """Return the members of a message that carry reasoning; GPT models show none on this endpoint."""
    text = reply.answer.reasoning
    if not text or reply.family == "gpt":
        return {}
    return {"reasoning_text": text, "reasoning_opaque": seals.seal("chat", reply.model, text)}


def events(reply: Reply) -> Iterator[dict[str, Any]]:
    """Yield the frames of the streamed answer, without ``[DONE]``."""
    response_id, call_ids = _ids(reply)
    head = {"created": reply.created, "id": response_id, "model": reply.model}
    form = {"claude": _claude, "gemini": _gemini, "gpt": _gpt}[reply.family]
    yield from form(reply, head, call_ids)


def pieces(text: str, words: int) -> list[str]:
    """Return the text in pieces of some words."""
    found = re.findall(r"\s*\S+\s*$|\s*\S+", text)
    return ["".join(found[at : at + words]) for at in range(0, len(found), words)]


def _fragments(arguments: dict[str, Any]) -> list[str]:
    text = json.dumps(arguments, ensure_ascii=False)
    return [text[at : at + 12] for at in range(0, len(text), 12)]


def _gpt(reply: Reply, head: dict[str, Any], call_ids: list[str]) -> Iterator[dict[str, Any]]:
    answer = reply.answer
    filters = [{"prompt_index": 0, "content_filter_results": _FILTERS}]
    empty = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    yield {**empty, "prompt_filter_results": filters}
    head = {**head, "object": "chat.completion.chunk", "system_fingerprint": "fp_0000000000", "usage": None}

    def frame(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"content_filter_results": {}, "delta": delta, "finish_reason": reason, "index": 0}
        return {"choices": [{**choice, "logprobs": None}], **head}

    yield frame({"content": None if answer.calls else "", "refusal": None, "role": "assistant"})
    if not answer.calls:
        for piece in pieces(answer.text, 1):
            yield frame({"content": piece})
    for index, (call, call_id) in enumerate(zip(answer.calls, call_ids, strict=True)):
        function = {"arguments": "", "name": call.name}
        start = {"function": function, "id": call_id, "index": index, "type": "function"}
        yield frame({"tool_calls": [start]})
        for fragment in _fragments(call.arguments):
            yield frame({"tool_calls": [{"function": {"arguments": fragment}, "index": index}]})
    yield frame({}, answer.finish_reason)
    usage = {"usage": _usage(reply), "copilot_usage": copilot_usage(reply)}
    yield {**head, "choices": [], **usage}


def _claude(reply: Reply, head: dict[str, Any], call_ids: list[str]) -> Iterator[dict[str, Any]]:
    answer = reply.answer

    def frame(index: int, delta: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"choices": [{"index": index, "delta": delta, **more}], **head}

    reasoning = _reasoning(reply)
    if reasoning:
        for piece in pieces(reasoning["reasoning_text"], 5):
            yield frame(0, {"content": None, "reasoning_text": piece, "role": "assistant"})
        yield frame(0, {"content": None, "reasoning_opaque": reasoning["reasoning_opaque"]})
    for piece in pieces(answer.text, 3):
        yield frame(0, {"content": piece, "role": "assistant"})
    if not answer.calls:
        yield {**frame(0, {"content": None}, finish_reason=answer.finish_reason), "usage": _usage(reply)}
        return
    for index, (call, call_id) in enumerate(zip(answer.calls, call_ids, strict=True)):
        start = {"function": {"name": call.name}, "id": call_id, "index": index, "type": "function"}
        yield frame(1, {"content": None, "role": "assistant", "tool_calls": [start]})
        for fragment in _fragments(call.arguments) if call.arguments else []:
            yield frame(1, {"tool_calls": [{"function": {"arguments": fragment}, "index": index}]})
    yield frame(0, {}, finish_reason="stop")
    yield {**frame(1, {}, finish_reason="tool_calls"), "usage": _usage(reply)}


def _gemini(reply: Reply, head: dict[str, Any], call_ids: list[str]) -> Iterator[dict[str, Any]]:
    answer = reply.answer
    zero = {
        "completion_tokens": 0,
        "prompt_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 0},
        "total_tokens": 0,
        "reasoning_tokens": 0,
    }

    def frame(delta: dict[str, Any], usage: dict[str, Any], **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": None, "role": "assistant", **delta}, **more}
        return {"choices": [choice], **head, "usage": usage}

    reasoning = _reasoning(reply)
    if reasoning:
        yield frame({"reasoning_text": reasoning["reasoning_text"]}, zero)
        yield frame({"reasoning_opaque": reasoning["reasoning_opaque"]}, zero)
    if not answer.calls:
        for piece in pieces(answer.text, 15):
            yield frame({"content": piece}, zero)
        yield frame({}, _usage(reply), finish_reason=answer.finish_reason)
        return
    for call, call_id in zip(answer.calls, call_ids, strict=True):
        function = {"arguments": json.dumps(call.arguments, ensure_ascii=False), "name": call.name}
        entry = {"function": function, "id": call_id, "index": 0, "type": "function"}
        yield frame({"tool_calls": [entry]}, zero)
    yield frame({}, _usage(reply), finish_reason="stop")
