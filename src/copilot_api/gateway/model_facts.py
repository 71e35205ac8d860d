"""What is known of a model, for programs and pages."""

from __future__ import annotations

from typing import Any

from copilot_api.gateway.catalog import Model
from copilot_api.gateway.routing import legs_of

PRICES = ("input", "cached", "cache_write", "output")
"""AI credits for a million tokens of each kind."""


def model_facts(model: Model) -> dict[str, Any]:
    """Return plain values for JSON; None where the list says nothing."""
    traits, prices = model.traits, model.prices
    return {
        "id": model.id,
        "name": model.name,
        "vendor": model.vendor,
        "type": model.kind,
        "context_window": model.context_window,
        "max_prompt_tokens": model.max_prompt_tokens,
        "max_output_tokens": model.max_output_tokens,
        "multiplier": model.multiplier,
        "prices": None if prices is None else {name: getattr(prices, name) for name in PRICES},
        "endpoints": list(legs_of(model)),
        "enabled": not model.disabled,
        "vision": traits.vision,
        "tools": traits.tool_calls,
        "structured_outputs": traits.structured_outputs,
        "reasoning_effort": list(traits.reasoning_effort or ()),
        "adaptive_thinking": traits.adaptive_thinking,
    }
