"""Anthropic over Anthropic: what upstream takes passes byte for byte, the rest is mended."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan, TranslatedRequest, UnusableAnswer, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.draft import Draft
from copilot_api.engine.reference.formats.messages.frames import (
    extras_of,
    finish_reason,
    nano_aiu_of,
    usage_from,
)
from copilot_api.engine.reference.formats.messages.mend import mend
from copilot_api.engine.reference.formats.messages.relay_stream import StreamRepairs

__all__ = ["StreamRepairs", "answer", "answer_facts", "request"]


def request(body: bytes, plan: RequestPlan) -> TranslatedRequest:
    """Return the body for upstream: a member that needs no change keeps its bytes."""
    value = jsontext.loads(body)
    if not isinstance(value, dict):
        return TranslatedRequest(body)
    draft = Draft(value, plan)
    mend(draft)
    if not draft.touched:
        return TranslatedRequest(body, draft.rewrites)
    edited = jsontext.decode(body)
    present = {member.key for member in jsontext.members(edited)}
    for key in draft.touched - value.keys():
        edited = jsontext.remove(edited, key)
    for key in sorted(draft.touched & value.keys()):
        if key in present:
            edited = jsontext.replace_value(edited, key, jsontext.dumps(value[key]))
        else:
            edited = jsontext.append(edited, key, jsontext.dumps(value[key]))
    encoded = jsontext.encode(edited)
    return TranslatedRequest(body if encoded == body else encoded, draft.rewrites)


class _Stripped(dict[str, Any]):
    """An answer without Copilot's extras, and what they said that the ledger wants to know."""

    nano_aiu: int | None = None


def answer(value: Any) -> tuple[dict[str, Any], bool]:
    """Return the answer without Copilot's extras, and whether anything was changed."""
    if not isinstance(value, dict) or not isinstance(value.get("content"), list):
        raise UnusableAnswer("upstream answered without an answer")
    extras = extras_of(value)
    if not extras:
        return value, False
    stripped = _Stripped((key, item) for key, item in value.items() if key not in extras)
    stripped.nano_aiu = nano_aiu_of(value)
    return stripped, True


def answer_facts(value: dict[str, Any]) -> tuple[Usage | None, str, str]:
    """Return usage, finish reason and model of a repaired answer."""
    nano_aiu = value.nano_aiu if isinstance(value, _Stripped) else None
    usage = usage_from(frames.mapping(value.get("usage")), nano_aiu)
    return usage, finish_reason(frames.text(value.get("stop_reason"))), frames.text(value.get("model"))
