"""Reading the headers that the gateway decides by (upstream.md 2.5, 6.3)."""

from __future__ import annotations

from copilot_api.copilot import betas
from copilot_api.engine.interfaces import Framing, Initiator
from copilot_api.gateway.hints import NO_HINTS, Hints
from copilot_api.http.asgi import Request

_INITIATORS: dict[str, Initiator] = {"user": "user", "agent": "agent"}


def read(request: Request) -> Hints:
    """Return what the headers say; the same object when they say nothing."""
    first = request.first
    if b"anthropic-beta" in first or b"x-initiator" in first or b"x-openai-subagent" in first:
        return addressed(request)
    return NO_HINTS


def addressed(
    request: Request,
    model: str = "",
    *,
    stream: bool | None = None,
    framing: Framing = "sse",
    embeds: bool = False,
) -> Hints:
    """Return what the headers say, and what the URL said already."""
    return Hints(
        model,
        stream,
        framing,
        embeds,
        betas.read(",".join(request.headers("anthropic-beta"))),
        _initiator(request),
    )


def _initiator(request: Request) -> Initiator | None:
    # A sub-agent carries on by itself, whoever its program says has asked.
    if request.header("x-openai-subagent"):
        return "agent"
    return _INITIATORS.get((request.header("x-initiator") or "").lower())
