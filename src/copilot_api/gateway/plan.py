"""The decision for a kind of request: plain data, loggable, testable, made once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from copilot_api.copilot import betas as beta_names
from copilot_api.engine.interfaces import (
    AnswerPlan,
    Dialect,
    Framing,
    Leg,
    RequestFacts,
    RequestPlan,
    StreamPlan,
)
from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.gateway.errors import UnknownModel
from copilot_api.gateway.hints import NO_HINTS, Hints
from copilot_api.gateway.learned import Learned
from copilot_api.gateway.resolver import Resolution, resolve
from copilot_api.gateway.rewrites import header_value
from copilot_api.gateway.routing import PATHS, choose
from copilot_api.records import record, replace
from copilot_api.settings import Settings

MOST_PLANS = 256
"""Kinds of requests whose plans are kept; a client may send any model name, so there must be an end."""
LONGEST_NAME = 200
"""Characters of a model name whose plan is kept."""

_STREAMS_ELSEWHERE: tuple[Dialect, ...] = ("gemini", "ollama", "completions")
"""Dialects whose bodies do not say as chat does whether a stream is wanted."""
_WITHOUT_BREAKPOINTS: tuple[Dialect, ...] = ("messages",)
"""Dialects whose clients mark prompt caches themselves."""

Kind = tuple[object, ...]
"""What a plan depends on."""


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
    noted: str = ""
    """The rewrites as the value of a response header."""
    own_headers: tuple[tuple[str, str], ...] = ()
    """Headers of the upstream call that depend on the plan."""

    def stream(
        self, settings: Settings, input_tokens: int, context: bytes = b"", framing: Framing = "sse"
    ) -> StreamPlan:
        """Return the stream plan; `input_tokens` is the estimate for ``message_start`` (D-T20)."""
        return StreamPlan(
            self.request.dialect,
            self.leg,
            input_tokens,
            self.answer.reasoning,
            settings.keepalive_interval,
            settings.stream_idle_timeout,
            settings.stream_content_timeout,
            model=self.request.target,
            context=context,
            framing=framing,
            now=int(time.time()),
        )


class Planner:
    """Makes the plans, and keeps them until the catalogue, or what was learnt of a model, changes."""

    def __init__(self, settings: Settings, catalog: ModelCatalog, learned: Learned | None = None) -> None:
        self._settings = settings
        self._catalog = catalog
        self.learned = learned or Learned()
        self._models: tuple[Model, ...] = ()
        """The catalogue that the plans were made by."""
        self._plans: dict[Kind, Plan] = {}
        self.when_learnt: Callable[[], None] | None = None
        """Called when something was learnt that plans depend on."""

    def plan(self, facts: RequestFacts, hints: Hints = NO_HINTS) -> Plan:
        """Decide for one request. Raises :class:`UnknownModel`."""
        models = self._catalog.models
        if models is not self._models:
            if models != self._models:
                self.learned.forget_legs()
            self._models = models
            self._plans.clear()
        elif self.learned.due != math.inf and self.learned.is_due():
            self._plans.clear()
        if hints is NO_HINTS and facts.dialect not in _STREAMS_ELSEWHERE:
            # As `kind_of`, without its call: nearly every request comes by here.
            kind: Kind = (facts.dialect, facts.model, fills_cap(facts), facts.reasoning, facts.tools > 0)
        else:
            kind = kind_of(facts, hints)
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._make(facts, hints)
            if len(facts.model) <= LONGEST_NAME:
                if len(self._plans) >= MOST_PLANS:
                    self._plans.clear()
                self._plans[kind] = plan
        return plan

    def resolve(self, asked: str) -> Resolution:
        """Return the model that a name means, for endpoints that only tell of it."""
        return resolve(asked, self._catalog, "chat", self._settings.aliases)

    def adopt(self, settings: Settings) -> None:
        """Plan by other settings from the next request on (R-54)."""
        self._settings = settings
        self._plans.clear()

    def learn(self, note: Callable[[Learned], bool]) -> bool:
        """Remember something of a model; tell whether it is news. Plans are then made anew."""
        if not note(self.learned):
            return False
        self._plans.clear()
        if self.when_learnt is not None:
            self.when_learnt()
        return True

    def _make(self, facts: RequestFacts, hints: Hints) -> Plan:
        asked = facts.model
        if hints.betas.large_context and not asked.endswith("[1m]"):
            asked += "[1m]"
        resolution = self._resolve(asked, facts, hints)
        if not resolution.reason and resolution.name != facts.model:
            # Nothing is listed by the longer name: the client's own goes on.
            resolution = self._resolve(facts.model, facts, hints)
        return make_plan(facts, resolution, self._settings, learned=self.learned, hints=hints)

    def _resolve(self, asked: str, facts: RequestFacts, hints: Hints) -> Resolution:
        return resolve(asked, self._catalog, facts.dialect, self._settings.aliases, embeds=hints.embeds)


def kind_of(facts: RequestFacts, hints: Hints) -> Kind:
    """Return all that :func:`make_plan` looks at."""
    return (
        facts.dialect,
        facts.model,
        fills_cap(facts),
        facts.reasoning,
        facts.tools > 0,
        facts.stream if facts.dialect in _STREAMS_ELSEWHERE else None,
        hints.betas.passed,
        hints.betas.large_context,
        hints.embeds,
        hints.steered,
    )


def fills_cap(facts: RequestFacts) -> bool:
    """Tell whether the model's limit becomes the request's output cap (compat.md 3.4)."""
    return facts.dialect == "chat" and facts.output_cap != "set" and not facts.has_max_completion_tokens


def make_plan(
    facts: RequestFacts,
    resolution: Resolution,
    settings: Settings,
    *,
    learned: Learned | None = None,
    hints: Hints = NO_HINTS,
) -> Plan:
    """Decide for requests with these facts: their dialect, their model, whether they have an output cap.

    Raises :class:`UnknownModel`.
    """
    learned = learned or Learned()
    name, model = resolution.name, resolution.model
    leg: Leg | None = "embeddings"
    if not hints.embeds:
        leg = choose(facts, name, model, learned.refused_legs(name))
    if leg is None:
        raise UnknownModel(facts.model, f"the model {name} is not one that chats")
    rewrites: tuple[str, ...] = (
        (f"model {facts.model} -> {name}: {resolution.reason}",) if resolution.reason else ()
    )
    if hints.steered:
        rewrites = (f"model {hints.steered} -> {facts.model}: by the hook on_plan", *rewrites)
    cap = model.max_output_tokens if model and fills_cap(facts) else None
    if cap is not None:
        rewrites += (f"output cap set to the model's limit of {cap}",)
    betas = _betas(facts, model, hints) if leg == "messages" else ()
    claude = name.lower().startswith("claude")
    return Plan(
        leg=leg,
        path=PATHS[leg],
        resolution=resolution,
        request=RequestPlan(
            dialect=facts.dialect,
            leg=leg,
            model=name if resolution.reason or hints.model or hints.embeds else None,
            output_cap=cap,
            cap_field="max_completion_tokens" if learned.wants_completion_cap(name) else "max_tokens",
            target=name,
            stream=facts.stream if facts.dialect in _STREAMS_ELSEWHERE else None,
            traits=model.traits if model else None,
            dropped=learned.dropped(name),
            betas=betas,
            cache_breakpoints=settings.cache_breakpoints
            and claude
            and facts.dialect not in _WITHOUT_BREAKPOINTS,
        ),
        answer=AnswerPlan(
            dialect=facts.dialect,
            leg=leg,
            reasoning=settings.reasoning or (facts.reasoning and _sends_reasoning_back(facts.dialect, leg)),
            model=name,
        ),
        rewrites=rewrites,
        noted=header_value(rewrites),
        own_headers=(("anthropic-beta", ",".join(betas)),) if betas else (),
    )


def _sends_reasoning_back(dialect: Dialect, leg: Leg) -> bool:
    """Tell whether the client brings back reasoning, without which a model forgets between its calls.

    An Anthropic client that asks for thinking does so too, but over chat 0.7.0's way stays (D-T24).
    """
    return dialect == "responses" or (dialect == "messages" and leg == "responses")


def without_reasoning(plan: Plan) -> Plan:
    """Return the plan for the same request with no reasoning sent back (upstream.md 6.4, 5.2)."""
    return replace(plan, request=replace(plan.request, without_reasoning=True))


def _betas(facts: RequestFacts, model: Model | None, hints: Hints) -> tuple[str, ...]:
    adaptive = model is not None and model.traits.adaptive_thinking
    passed = hints.betas.passed
    if adaptive:
        # Adaptive models think between calls anyway; the official client does not send it to them.
        return tuple(name for name in passed if not name.startswith(beta_names.INTERLEAVED))
    if facts.dialect != "messages" and facts.reasoning and facts.tools:
        return (beta_names.INTERLEAVED_THINKING,)
    return passed
