"""Thinking, effort, structured output and sampling, as the model has them (upstream.md 6.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import ModelTraits
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages import mend_members
from copilot_api.engine.reference.formats.messages.draft import Draft
from copilot_api.engine.reference.jsontext import Number

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Words for effort, least first."""

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32000}
_USUAL_BUDGET = 16000
_LEAST_BUDGET = 1024


def mend(draft: Draft) -> None:
    """Mend the members that say how the model is to think and choose its words."""
    traits = draft.plan.traits
    if traits is not None:
        _thinking(draft, traits)
        _effort(draft, traits)
        _format(draft, traits)
    config = draft.request.get("output_config")
    if config == {} and "output_config" in draft.touched:
        del draft.request["output_config"]
    _sampling(draft)


def effort_of(budget: int) -> str:
    """Return the effort that stands for a number of tokens (upstream.md 11.3)."""
    return "low" if budget < 2048 else "medium" if budget < 16384 else "high"


def nearest(wanted: str, offered: tuple[str, ...] | None) -> str:
    """Return the effort to send: the wanted one, or the next lower one, or the lowest; empty for none."""
    if not offered or wanted in offered:
        return wanted if offered else ""
    if wanted not in EFFORTS:
        return ""
    ranked = sorted((word for word in offered if word in EFFORTS), key=EFFORTS.index)
    lower = [word for word in ranked if EFFORTS.index(word) < EFFORTS.index(wanted)]
    return (lower or ranked)[-1 if lower else 0] if ranked else ""


def _thinking(draft: Draft, traits: ModelTraits) -> None:
    thinking = draft.request.get("thinking")
    if not isinstance(thinking, dict):
        return
    if thinking.get("display") == "updates" and not draft.has_beta("thinking-display-updates-"):
        thinking["display"] = "summarized"
        draft.touch("thinking", "thinking.display sent as summarized")
    budget = frames.count(thinking.get("budget_tokens"))
    if thinking.get("type") == "enabled" and traits.adaptive_thinking and traits.max_thinking_budget is None:
        thinking["type"] = "adaptive"
        thinking.pop("budget_tokens", None)
        draft.touch("thinking", "thinking sent as adaptive")
        config = draft.request.get("output_config", {})
        if budget is not None and isinstance(config, dict) and "effort" not in config:
            draft.request["output_config"] = {**config, "effort": effort_of(budget)}
            draft.touched.add("output_config")
    elif thinking.get("type") == "adaptive" and not traits.adaptive_thinking:
        _to_budget(draft, traits, thinking)
    if thinking.get("type") == "enabled" and "thinking" in draft.request:
        _fit_budget(draft, traits, thinking)


def _to_budget(draft: Draft, traits: ModelTraits, thinking: dict[str, Any]) -> None:
    if traits.max_thinking_budget is None:
        draft.drop("thinking", "dropped thinking, which the model does not have")
        return
    config = frames.mapping(draft.request.get("output_config"))
    effort = frames.text(config.get("effort"))
    budget = min(_BUDGETS.get(effort, _USUAL_BUDGET), traits.max_thinking_budget)
    thinking["type"] = "enabled"
    thinking["budget_tokens"] = Number(str(budget))
    draft.touch("thinking", f"thinking sent with a budget of {budget} tokens")
    if effort in _BUDGETS and not traits.reasoning_effort:
        del config["effort"]
        draft.touch("output_config", "effort sent as a thinking budget")


def _fit_budget(draft: Draft, traits: ModelTraits, thinking: dict[str, Any]) -> None:
    budget, cap = frames.count(thinking.get("budget_tokens")), frames.count(draft.request.get("max_tokens"))
    if budget is None:
        return
    least = traits.min_thinking_budget or _LEAST_BUDGET
    most = budget if traits.max_thinking_budget is None else traits.max_thinking_budget
    if cap is not None:
        most = min(most, cap - 1)
    if most < least:
        draft.drop("thinking", "dropped thinking, since max_tokens leaves no room for it")
        return
    fitting = max(least, min(budget, most))
    if fitting != budget:
        thinking["budget_tokens"] = Number(str(fitting))
        draft.touch("thinking", f"thinking sent with a budget of {fitting} tokens")


def _effort(draft: Draft, traits: ModelTraits) -> None:
    config = draft.request.get("output_config")
    if not isinstance(config, dict) or "effort" not in config:
        return
    wanted = frames.text(config["effort"])
    effort = nearest(wanted, traits.reasoning_effort)
    if not effort:
        del config["effort"]
        draft.touch("output_config", "dropped output_config.effort, which the model does not have")
    elif effort != wanted:
        config["effort"] = effort
        draft.touch("output_config", f"effort sent as {effort}")


def _format(draft: Draft, traits: ModelTraits) -> None:
    config = draft.request.get("output_config")
    if not isinstance(config, dict) or "format" not in config or traits.structured_outputs:
        return
    wanted = frames.mapping(config.pop("format"))
    draft.touch("output_config", "dropped output_config.format: its schema is in the system prompt instead")
    instruct(draft, wanted.get("schema"))


def instruct(draft: Draft, schema: Any) -> None:
    """Ask in the system prompt for an answer that fits a schema."""
    text = "Answer with one JSON object only, without any text around it."
    if schema is not None:
        text = f"{text} It must conform to this JSON Schema:\n{jsontext.dumps(schema)}"
    system = draft.request.get("system")
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) and system else system
    draft.request["system"] = [*(blocks or ()), {"type": "text", "text": text}]
    draft.touched.add("system")


def _sampling(draft: Draft) -> None:
    request = draft.request
    temperature, top_p = (_float(request.get(name)) for name in ("temperature", "top_p"))
    if mend_members.thinks(request):
        if temperature is not None and temperature != 1:
            draft.drop("temperature", "dropped temperature, which does not go with thinking")
            temperature = None
        if top_p is not None and top_p < 0.95:
            draft.drop("top_p", "dropped top_p, which does not go with thinking")
            top_p = None
        draft.drop("top_k", "dropped top_k, which does not go with thinking")
    if temperature is None or top_p is None:
        return
    if top_p == 1:
        draft.drop("top_p", "removed top_p, which was the default")
    elif temperature == 1:
        draft.drop("temperature", "removed temperature, which was the default")
    else:
        draft.drop("top_p", "dropped top_p, which does not go with temperature")


def _float(value: Any) -> float | None:
    return float(value.text) if isinstance(value, Number) else None
