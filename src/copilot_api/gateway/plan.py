"""The decision for a kind of request: plain data, loggable, testable, made once."""

from __future__ import annotations

from copilot_api.engine.interfaces import (
    AnswerPlan,
    Leg,
    RequestFacts,
    RequestPlan,
    StreamPlan,
)
from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.gateway.resolver import Resolution, resolve
from copilot_api.records import record
from copilot_api.settings import Settings

PATHS: dict[Leg, str] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "messages": "/v1/messages",
    "embeddings": "/embeddings",
}

MOST_PLANS = 256
"""Kinds of requests whose plans are kept; a client may send any model name, so there must be an end."""
LONGEST_NAME = 200
"""Characters of a model name whose plan is kept."""


@record
class Plan:
    """What will be sent where, and how the answer comes back. It holds nothing of a single request."""

    leg: Leg
    path: str
    """The upstream path."""
    resolution: Resolution
    request: RequestPlan
    answer: AnswerPlan
    rewrites: tuple[str, ...]

    def stream(self, settings: Settings, input_tokens: int) -> StreamPlan:
        """Return the stream plan; `input_tokens` is the estimate for ``message_start`` (D-T20)."""
        return StreamPlan(
            self.request.dialect,
            self.leg,
            input_tokens,
            settings.reasoning,
            settings.keepalive_interval,
            settings.stream_idle_timeout,
            2.5 * settings.stream_idle_timeout,
            model=self.request.target,
        )


class Planner:
    """Makes the plans, and keeps them until the catalogue changes."""

    def __init__(self, settings: Settings, catalog: ModelCatalog) -> None:
        self._settings = settings
        self._catalog = catalog
        self._models: tuple[Model, ...] = ()
        """The catalogue that the plans were made by."""
        self._plans: dict[tuple[str, str, bool], Plan] = {}
        self._completion_cap_models: set[str] = set()

    def plan(self, facts: RequestFacts) -> Plan:
        """Decide for one request."""
        models = self._catalog.models
        if models is not self._models:
            self._models = models
            self._plans.clear()
        kind = (facts.dialect, facts.model, fills_cap(facts))
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._make(facts)
            if len(facts.model) <= LONGEST_NAME:
                if len(self._plans) >= MOST_PLANS:
                    self._plans.clear()
                self._plans[kind] = plan
        return plan

    def learn_completion_cap(self, model: str) -> bool:
        """Remember that a model refuses ``max_tokens`` (D-H15); tell whether that is news."""
        if model in self._completion_cap_models:
            return False
        self._completion_cap_models.add(model)
        self._plans.clear()
        return True

    def _make(self, facts: RequestFacts) -> Plan:
        resolution = resolve(facts.model, self._catalog, facts.dialect)
        return make_plan(
            facts,
            resolution,
            self._settings,
            wants_completion_cap=resolution.name in self._completion_cap_models,
        )


def fills_cap(facts: RequestFacts) -> bool:
    """Tell whether the model's limit becomes the request's output cap (compat.md 3.4)."""
    return facts.dialect == "chat" and facts.output_cap != "set" and not facts.has_max_completion_tokens


def make_plan(
    facts: RequestFacts,
    resolution: Resolution,
    settings: Settings,
    *,
    wants_completion_cap: bool = False,
) -> Plan:
    """Decide for requests with these facts: their dialect, their model, whether they have an output cap.

    `wants_completion_cap`: the model is known to refuse ``max_tokens`` (D-H15).
    """
    leg: Leg = "embeddings" if facts.dialect == "embeddings" else "chat"
    model = resolution.name if resolution.reason else None
    rewrites: tuple[str, ...] = (
        (f"model {facts.model} -> {resolution.name}: {resolution.reason}",) if model else ()
    )
    cap = resolution.model.max_output_tokens if resolution.model and fills_cap(facts) else None
    if cap is not None:
        rewrites += (f"output cap set to the model's limit of {cap}",)
    return Plan(
        leg=leg,
        path=PATHS[leg],
        resolution=resolution,
        request=RequestPlan(
            dialect=facts.dialect,
            leg=leg,
            model=model,
            output_cap=cap,
            cap_field="max_completion_tokens" if wants_completion_cap else "max_tokens",
            target=resolution.name,
        ),
        answer=AnswerPlan(
            dialect=facts.dialect, leg=leg, reasoning=settings.reasoning, model=resolution.name
        ),
        rewrites=rewrites,
    )
