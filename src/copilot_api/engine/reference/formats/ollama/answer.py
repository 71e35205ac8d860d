"""What whole and streamed answers in Ollama's format share: heads, ends, calls, times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import AnswerContext, Finish
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.completion import number

_LAST_SECOND = 253402300799
"""Of the year 9999: later ones are no times."""


def created_at(seconds: int | None) -> str:
    """Return a time as RFC 3339; the epoch when upstream did not say: a translator has no clock."""
    known = seconds if seconds is not None and 0 <= seconds <= _LAST_SECOND else 0
    return datetime.fromtimestamp(known, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def head(context: AnswerContext, model: str, seconds: int | None) -> dict[str, Any]:
    """Return what each line begins with: the model by the client's own name."""
    return {"model": frames.text(context.echo.get("model")) or model, "created_at": created_at(seconds)}


def content(
    context: AnswerContext, text: str, *, thinking: str = "", calls: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return the members that hold a piece of the answer, as the endpoint has them."""
    if context.echo.get("generate"):
        return {"response": text, **({"thinking": thinking} if thinking else {})}
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def end(finish: Finish | None, usage: Usage | None) -> dict[str, Any]:
    """Return the members of the last line; durations are 0, nobody measured them."""
    members: dict[str, Any] = {
        "done_reason": "length" if finish is not None and finish.reason == "length" else "stop",
        "done": True,
        "total_duration": number(0),
        "load_duration": number(0),
    }
    if usage is not None:
        members["prompt_eval_count"] = number(usage.input_tokens)
    members["prompt_eval_duration"] = number(0)
    if usage is not None:
        members["eval_count"] = number(usage.output_tokens)
    members["eval_duration"] = number(0)
    return members


def call_json(index: int, call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """Return a call: its arguments are an object; what is not one is kept under ``_raw`` (D-T1)."""
    function = {"index": number(index), "name": name, "arguments": _object(arguments)}
    return {"id": call_id, "function": function}


def _object(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        value = jsontext.loads(jsontext.encode(text))
    except InvalidRequest:
        return {"_raw": text}
    return value if isinstance(value, dict) else {"_raw": text}
