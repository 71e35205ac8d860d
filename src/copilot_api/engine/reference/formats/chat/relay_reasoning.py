"""Reasoning that a chat client sends back to a chat model: carriers of another leg or model are taken out.

A client gets tagged carriers while its model is reached by another leg; then it may change the model, or the
gateway the leg. Carriers without a tag are of this leg, and travel as they came.
"""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan
from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.formats.chat import frames

_OURS = "copilot-api"
"""Begins what this gateway made of carriers, tagged or listed."""
_OPAQUE = "reasoning_opaque"
_MEMBERS = (_OPAQUE, "reasoning_text", "reasoning_content")


def mended(text: str, plan: RequestPlan, rewrites: list[str]) -> str:
    """Return the body with its messages written anew where one of them had to be changed."""
    # The search is for the usual case: nothing of it is there, and nothing is parsed.
    if not (_OURS in text and _OPAQUE in text) and not (plan.without_reasoning and "reasoning_" in text):
        return text
    listed = [member for member in jsontext.members(text) if member.key == "messages"]
    if not listed:
        return text
    messages = jsontext.loads(jsontext.encode(text[listed[-1].value_start : listed[-1].end]))
    changes = [
        change
        for message in (messages if isinstance(messages, list) else ())
        if (change := _mend(frames.mapping(message), plan))
    ]
    if not changes:
        return text
    rewrites += dict.fromkeys(changes)
    return jsontext.replace_value(text, "messages", jsontext.dumps(messages))


def _mend(message: dict[str, Any], plan: RequestPlan) -> str:
    """Change a message; return the words for it, none when nothing was changed."""
    if plan.without_reasoning:
        found = [name for name in _MEMBERS if name in message]
        for name in found:
            del message[name]
        return "left out reasoning: upstream refused it" if found else ""
    opaque = message.get(_OPAQUE)
    if not isinstance(opaque, str) or not opaque.startswith(_OURS):
        return ""
    value = carriers.fitting(opaque, plan.leg, plan.target)
    if value:
        message[_OPAQUE] = value
        return "sent reasoning back as the model made it"
    for name in _MEMBERS:
        message.pop(name, None)
    return "left out reasoning that cannot go back to the model"
