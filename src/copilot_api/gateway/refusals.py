"""What follows from a refusal of Copilot: which repair may be tried, and what the client is told."""

from __future__ import annotations

from copilot_api.copilot.errors import UpstreamFault
from copilot_api.engine.interfaces import Leg, RequestFacts
from copilot_api.gateway.counting import BYTES_PER_TOKEN
from copilot_api.gateway.errors import Overflow, UpstreamRefused
from copilot_api.gateway.plan import Plan

_EFFORT: dict[Leg, str] = {
    "chat": "reasoning_effort",
    "responses": "reasoning.effort",
    "messages": "output_config.effort",
}
"""What the leg calls the effort, whatever the fault called it."""


def explain(refusal: UpstreamRefused, fault: UpstreamFault) -> UpstreamRefused:
    """Note on the error what its text and code mean."""
    refusal.renames_cap = fault.wants_max_completion_tokens
    refusal.wrong_leg = fault.wrong_leg
    refusal.refused_member = fault.refused_member
    refusal.refuses_reasoning = fault.refuses_reasoning
    refusal.names_no_model = fault.unknown_model
    overflow = fault.overflow
    if overflow is not None:
        refusal.overflow = Overflow(*overflow)
    return refusal


def hint_for(fault: UpstreamFault) -> str:
    """Return what the user can do about a refusal of the account (R-37); nothing for other faults."""
    if fault.token_expired:
        return "a new Copilot token was refused too: sign in again with `copilot-api auth`"
    if fault.status == 403:
        return (
            "Copilot refuses this to the account: see its plan by `copilot-api check-usage`, its policies at "
            "https://github.com/settings/copilot, or sign in anew with `copilot-api auth`"
        )
    return ""


def member_of(refusal: UpstreamRefused, leg: Leg) -> str:
    """Return the refused member by the leg's own name."""
    member = refusal.refused_member
    return _EFFORT.get(leg, member) if member in _EFFORT.values() else member


def complete(refusal: UpstreamRefused, plan: Plan, facts: RequestFacts) -> None:
    """Add what the request and the model list know: the numbers of an overflow, the name of a model."""
    overflow, model = refusal.overflow, plan.resolution.model
    if overflow is not None:
        limit = overflow.limit or (model.max_prompt_tokens if model else None) or 0
        # Clients want numbers to compact by; without upstream's the size of the body tells enough.
        tokens = overflow.tokens or max(facts.size // BYTES_PER_TOKEN, limit + 1)
        refusal.overflow = Overflow(tokens, limit or tokens - 1)
    if refusal.names_no_model and model is None:
        refusal.unknown_model = facts.model
