"""The decision for one request: plain data, loggable, testable."""

from __future__ import annotations

from copilot_api.engine.interfaces import (
    AnswerPlan,
    Leg,
    RequestFacts,
    RequestPlan,
    StreamPlan,
)
from copilot_api.gateway.resolver import Resolution
from copilot_api.records import record
from copilot_api.settings import Settings

PATHS: dict[Leg, str] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "messages": "/v1/messages",
    "embeddings": "/embeddings",
}


@record
class Plan:
    """What will be sent where, and how the answer comes back."""

    facts: RequestFacts
    leg: Leg
    resolution: Resolution
    request: RequestPlan
    answer: AnswerPlan
    rewrites: tuple[str, ...]

    @property
    def path(self) -> str:
        """The upstream path."""
        return PATHS[self.leg]

    def stream(self, settings: Settings, input_tokens: int) -> StreamPlan:
        """Return the stream plan; `input_tokens` is the estimate for ``message_start`` (D-T20)."""
        return StreamPlan(
            dialect=self.facts.dialect,
            leg=self.leg,
            input_tokens=input_tokens,
            reasoning=settings.reasoning,
            keepalive_interval=settings.keepalive_interval,
            idle_timeout=settings.stream_idle_timeout,
            content_timeout=2.5 * settings.stream_idle_timeout,
        )


def make_plan(
    facts: RequestFacts,
    resolution: Resolution,
    settings: Settings,
    *,
    wants_completion_cap: bool = False,
) -> Plan:
    """Decide for one request.

    `wants_completion_cap`: the model is known to refuse ``max_tokens`` (D-H15).
    """
    leg: Leg = "embeddings" if facts.dialect == "embeddings" else "chat"
    model = resolution.name if resolution.reason else None
    rewrites: tuple[str, ...] = (
        (f"model {facts.model} -> {resolution.name}: {resolution.reason}",) if model else ()
    )
    cap = None
    if facts.dialect == "chat" and facts.output_cap != "set" and not facts.has_max_completion_tokens:
        cap = resolution.model.max_output_tokens if resolution.model else None
        if cap is not None:
            rewrites += (f"output cap set to the model's limit of {cap}",)
    return Plan(
        facts=facts,
        leg=leg,
        resolution=resolution,
        request=RequestPlan(
            dialect=facts.dialect,
            leg=leg,
            model=model,
            output_cap=cap,
            cap_field="max_completion_tokens" if wants_completion_cap else "max_tokens",
        ),
        answer=AnswerPlan(dialect=facts.dialect, leg=leg, reasoning=settings.reasoning),
        rewrites=rewrites,
    )
