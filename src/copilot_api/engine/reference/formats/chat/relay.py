"""Chat over chat: only what the plan names is touched, every other byte stays."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan, TranslatedRequest, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import dropping, frames, relay_reasoning
from copilot_api.engine.reference.formats.chat.answer import normalise
from copilot_api.engine.reference.formats.chat.relay_stream import StreamRepairs

__all__ = ["StreamRepairs", "answer", "answer_facts", "request"]


def request(body: bytes, plan: RequestPlan) -> TranslatedRequest:
    """Return the body for upstream."""
    text = jsontext.decode(body)
    rewrites: list[str] = []
    edited = text
    if plan.model is not None:
        edited = jsontext.replace_value(edited, "model", jsontext.dumps(plan.model))
    listed = {member.key: edited[member.value_start : member.end] for member in jsontext.members(edited)}
    cap = listed.get("max_tokens")
    if cap is None and plan.output_cap is not None and "max_completion_tokens" not in listed:
        edited = jsontext.append(edited, plan.cap_field, str(plan.output_cap))
    elif cap == "null":
        if plan.output_cap is None:
            edited = jsontext.remove(edited, "max_tokens")
            rewrites.append("dropped max_tokens, which was null")
        else:
            edited = jsontext.replace_value(edited, "max_tokens", str(plan.output_cap))
            edited = _rename_cap(edited, plan, rewrites)
    elif cap is not None:
        edited = _rename_cap(edited, plan, rewrites)
    if plan.stream is not None:
        edited = _put(edited, "stream", "true" if plan.stream else "false")
    edited = relay_reasoning.mended(edited, plan, rewrites)
    for name in plan.dropped:
        edited = _without(edited, name, rewrites)
    return TranslatedRequest(body if edited == text else jsontext.encode(edited), tuple(rewrites))


def _rename_cap(text: str, plan: RequestPlan, rewrites: list[str]) -> str:
    if plan.cap_field == "max_tokens":
        return text
    rewrites.append(f"max_tokens sent as {plan.cap_field}")
    return jsontext.rename(text, "max_tokens", plan.cap_field)


def _put(text: str, name: str, value: str) -> str:
    if any(member.key == name for member in jsontext.members(text)):
        return jsontext.replace_value(text, name, value)
    return jsontext.append(text, name, value)


def _without(text: str, name: str, rewrites: list[str]) -> str:
    path = dropping.path_of(name)
    listed = [member for member in jsontext.members(text) if member.key == path[0]]
    if not listed:
        return text
    if len(path) == 1:
        rewrites.append(dropping.dropped(name))
        return jsontext.remove(text, path[0])
    value = jsontext.loads(jsontext.encode(text[listed[-1].value_start : listed[-1].end]))
    if not dropping.removed(value, path[1:]):
        return text
    rewrites.append(dropping.dropped(name))
    return jsontext.replace_value(text, path[0], jsontext.dumps(value))


def answer(value: Any) -> tuple[dict[str, Any], bool]:
    """Return the answer repaired, and whether anything was changed. Raises `UnusableAnswer`."""
    return normalise(value)


def answer_facts(value: dict[str, Any]) -> tuple[Usage | None, str, str]:
    """Return usage, finish reason and model of a repaired answer."""
    reason = frames.text(value["choices"][0].get("finish_reason"))
    return frames.usage_of(value), reason, frames.text(value.get("model"))
