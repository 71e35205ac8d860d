"""How much a chat client wants the model to reason, by the several members that clients use for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from copilot_api.engine.interfaces import AnswerPlan, StreamPlan
from copilot_api.engine.reference.canonical import AnswerContext, Thinking
from copilot_api.engine.reference.formats.chat import frames

_ASKED = "reasoning"
"""Remembers in the answer's context that reasoning was asked for."""
MEMBERS = ("reasoning_effort", "reasoning", "thinking_budget", "thinking")


def thinking_of(value: dict[str, Any]) -> Thinking | None:
    """Return what was asked for; None when nothing was."""
    reasoning, thinking = frames.mapping(value.get("reasoning")), frames.mapping(value.get("thinking"))
    summary = reasoning.get("summary")
    effort = frames.text(value.get("reasoning_effort")) or frames.text(reasoning.get("effort"))
    if effort:
        return Thinking(effort=effort, summary=summary)
    kind = thinking.get("type")
    if kind == "disabled":
        return Thinking(effort="none", summary=summary)
    for budget in (value.get("thinking_budget"), reasoning.get("max_tokens"), thinking.get("budget_tokens")):
        tokens = frames.count(budget)
        if tokens is not None:
            return of_budget(tokens, summary)
    if kind in ("enabled", "adaptive") or reasoning.get("enabled") is True:
        return Thinking(adaptive=True, summary=summary)
    return Thinking(summary=summary) if summary is not None else None


def of_budget(tokens: int, summary: Any = None) -> Thinking:
    """Return a budget; none at all switches reasoning off, a negative one leaves it to the model."""
    if tokens == 0:
        return Thinking(effort="none", summary=summary)
    if tokens < 0:
        return Thinking(adaptive=True, summary=summary)
    return Thinking(budget=tokens, summary=summary)


def asks(thinking: Thinking | None) -> bool:
    """Tell whether reasoning is wanted."""
    return thinking is not None and thinking.effort != "none"


def shown(thinking: Thinking | None) -> tuple[Thinking | None, dict[str, Any]]:
    """Return what to ask for so that the client can be shown the reasoning it wants, and what to remember."""
    if thinking is None or not asks(thinking):
        return thinking, {}
    return replace(thinking, summary="auto" if thinking.summary is None else thinking.summary), {_ASKED: True}


def is_shown(plan: AnswerPlan | StreamPlan, context: AnswerContext) -> bool:
    """Tell whether the client gets the reasoning: it asked for it, or all clients do."""
    return plan.reasoning or context.echo.get(_ASKED) is True
