"""How much to reason, as a chat model lists that it can be told (upstream.md 4.1, 11.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import ModelTraits, RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Thinking
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.cache_marks import is_claude
from copilot_api.engine.reference.formats.chat.completion import number

WORDS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 16384, "xhigh": 32000, "max": 32000}
_ADAPTIVE = "medium"
"""What leaving it to the model means to one that has to be told (upstream.md 5.2)."""
_UNKNOWN = ModelTraits()


def members_of(
    thinking: Thinking | None, request: dict[str, Any], plan: RequestPlan, rewrites: list[str]
) -> dict[str, Any]:
    """Return ``reasoning_effort`` or ``thinking_budget``; nothing where the model leaves no choice."""
    if thinking is None or not (thinking.effort or thinking.budget is not None or thinking.adaptive):
        return {}
    traits = plan.traits or _UNKNOWN
    if plan.traits is None and thinking.effort:
        return {"reasoning_effort": thinking.effort}
    if traits.reasoning_effort:
        if thinking.adaptive and not is_claude(request["model"], plan):
            return {}  # The others reason as much as they find right when nothing is said.
        return _effort(thinking, traits.reasoning_effort, rewrites)
    if traits.max_thinking_budget is not None:
        cap = request.get("max_tokens", request.get("max_completion_tokens"))
        return _budget(thinking, traits, frames.count(cap), rewrites)
    if thinking.effort != "none":
        rewrites.append("dropped thinking")
    return {}


def effort_of(budget: int) -> str:
    """Return the effort that a budget stands for."""
    return "low" if budget < 2048 else "medium" if budget < 16384 else "high"


def nearest(wanted: str, listed: tuple[str, ...]) -> str:
    """Return the listed effort that is the highest up to the wanted one, else the lowest."""
    ranked = sorted((WORDS.index(word), word) for word in listed if word in WORDS)
    if wanted in listed or wanted not in WORDS or not ranked:
        return wanted if wanted in listed else ""
    below = [word for rank, word in ranked if rank <= WORDS.index(wanted)]
    return below[-1] if below else ranked[0][1]


def _effort(thinking: Thinking, listed: tuple[str, ...], rewrites: list[str]) -> dict[str, Any]:
    wanted = thinking.effort or (_ADAPTIVE if thinking.adaptive else effort_of(thinking.budget or 0))
    given = nearest(wanted, listed)
    if not given:
        rewrites.append(f"dropped the unknown reasoning effort {jsontext.well_formed(wanted)}")
    elif thinking.budget is not None:
        rewrites.append(f"a thinking budget of {thinking.budget} sent as reasoning effort {given}")
    elif given != thinking.effort:
        rewrites.append(f"reasoning effort {thinking.effort or 'of the model'} sent as {given}")
    return {"reasoning_effort": given} if given else {}


def _budget(thinking: Thinking, traits: ModelTraits, cap: int | None, rewrites: list[str]) -> dict[str, Any]:
    if thinking.effort == "none":
        return {}
    wanted = thinking.budget or _BUDGETS.get(thinking.effort or _ADAPTIVE)
    if wanted is None:
        rewrites.append(f"dropped the unknown reasoning effort {jsontext.well_formed(thinking.effort)}")
        return {}
    lowest = traits.min_thinking_budget or 1
    budget = max(lowest, min(wanted, traits.max_thinking_budget or wanted))
    if cap is not None and budget >= cap:
        budget = cap - 1
    if budget < lowest:
        rewrites.append("dropped thinking: the output cap leaves no room for it")
        return {}
    if thinking.budget is None:
        rewrites.append(f"reasoning effort {thinking.effort or 'of the model'} sent as a budget of {budget}")
    elif budget != wanted:
        rewrites.append(f"a thinking budget of {wanted} sent as one of {budget}")
    return {"thinking_budget": number(budget)}
