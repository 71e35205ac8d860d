"""What a model of the Responses leg takes of an effort and of an output cap (upstream.md 5.2, 11.3)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import ModelTraits
from copilot_api.engine.reference.canonical import Thinking
from copilot_api.engine.reference.formats.chat.frames import count
from copilot_api.engine.reference.jsontext import Number, well_formed

SMALLEST_CAP = 16
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_LOW_BUDGET, _MEDIUM_BUDGET = 2048, 16384


def effort_of(thinking: Thinking) -> str:
    """Return the word for what was asked; empty leaves it to the model."""
    if thinking.budget is None:
        return thinking.effort
    if thinking.budget < _LOW_BUDGET:
        return "low"
    return "medium" if thinking.budget < _MEDIUM_BUDGET else "high"


def fit_effort(effort: str, traits: ModelTraits | None) -> tuple[str, str]:
    """Return the listed effort that is nearest, the lower of two, and the change made, if any."""
    if traits is None or not effort or effort in (traits.reasoning_effort or ()):
        return effort, ""
    listed = [word for word in _EFFORTS if word in (traits.reasoning_effort or ())]
    shown = well_formed(effort)
    if not listed:
        return "", f"left out reasoning effort {shown}: the model takes none"
    wanted = _EFFORTS.index(effort) if effort in _EFFORTS else _EFFORTS.index("medium")
    nearest = min(listed, key=lambda word: (abs(_EFFORTS.index(word) - wanted), _EFFORTS.index(word)))
    return nearest, f"reasoning effort {shown} sent as {nearest}"


def fit_cap(cap: Any, traits: ModelTraits | None) -> tuple[Any, str]:
    """Return the output cap within the limits of the leg and the model, and the change made, if any."""
    given = count(cap)
    if given is None:
        return cap, ""
    fitting = given
    if traits is not None and traits.max_output_tokens is not None:
        fitting = min(fitting, traits.max_output_tokens)
    fitting = max(fitting, SMALLEST_CAP)
    if fitting == given:
        return cap, ""
    return Number(str(fitting)), f"max_output_tokens {given} sent as {fitting}"
