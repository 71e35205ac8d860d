"""What whole and streamed answers share: finish reasons, usage, calls, the shape of a chunk."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.jsontext import Number

_FINISH_REASONS = {"length": "MAX_TOKENS", "content_filter": "SAFETY", "error": "OTHER"}
_SHOWN = 200
"""Characters of a malformed call that a finish message shows."""
_EMPTY = {"text": ""}


def function_call(call_id: str, name: str, arguments: str) -> dict[str, Any] | None:
    """Return the part of a call; None when its arguments are no JSON object, which Google's always are."""
    given: Any = {}
    if arguments.strip(" \t\n\r"):
        try:
            given = jsontext.loads(jsontext.encode(arguments))
        except InvalidRequest:
            return None
    if not isinstance(given, dict):
        return None
    members = {"id": call_id, "name": name, "args": given}
    return {"functionCall": members if call_id else {"name": name, "args": given}}


def ending(reason: str, malformed: str) -> dict[str, Any]:
    """Return why the answer is over; a call that had to be left out is told as Google tells it.

    Calls end with ``STOP``. A limit explains a call that is not whole, so it stays the reason.
    """
    known = _FINISH_REASONS.get(reason, "STOP")
    if not malformed or known != "STOP":
        return {"finishReason": known}
    message = f"Malformed function call: {malformed[:_SHOWN]}"
    return {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": message}


def signed(parts: list[dict[str, Any]], signature: str) -> list[dict[str, Any]]:
    """Return the parts with the signature where clients keep it: on the first call, else on the last text."""
    if not signature:
        return parts
    mark = {"thoughtSignature": signature}
    place = next((number for number, part in enumerate(parts) if "functionCall" in part), None)
    if place is None and parts and "thought" not in parts[-1]:
        place = len(parts) - 1
    if place is None:
        return [*parts, {**_EMPTY, **mark}]
    return [*parts[:place], {**parts[place], **mark}, *parts[place + 1 :]]


def chunk(
    parts: list[dict[str, Any]],
    model: str,
    response_id: str,
    end: dict[str, Any] | None = None,
    usage: Usage | None = None,
) -> dict[str, Any]:
    """Return a chunk of an answer, which is the form of a whole one too."""
    content = {"role": "model", "parts": parts or [_EMPTY]}
    value: dict[str, Any] = {"candidates": [{"content": content, **(end or {}), "index": Number("0")}]}
    if usage is not None:
        value["usageMetadata"] = usage_metadata(usage)
    value["modelVersion"] = model
    if response_id:
        value["responseId"] = response_id
    return value


def usage_metadata(usage: Usage) -> dict[str, Any]:
    """Return usage as Google counts: thoughts beside the candidates, cached tokens within the prompt."""
    thoughts = usage.reasoning_tokens or 0
    # Gemini's own thoughts are not in its output, all others' are (upstream.md 4.4).
    made = usage.output_tokens - thoughts if usage.output_tokens >= thoughts else usage.output_tokens
    value = {"promptTokenCount": usage.input_tokens}
    if usage.cached_tokens is not None:
        value["cachedContentTokenCount"] = usage.cached_tokens
    value["candidatesTokenCount"] = made
    if usage.reasoning_tokens is not None:
        value["thoughtsTokenCount"] = thoughts
    value["totalTokenCount"] = usage.input_tokens + made + thoughts
    return {name: Number(str(count)) for name, count in value.items()}
