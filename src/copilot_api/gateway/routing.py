"""Which of Copilot's endpoints answers a request (upstream.md 11.1, 11.2)."""

from __future__ import annotations

import re

from copilot_api.engine.interfaces import Dialect, Leg, RequestFacts
from copilot_api.gateway.catalog import Model

PATHS: dict[Leg, str] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "messages": "/v1/messages",
    "embeddings": "/embeddings",
}

_LEGS: dict[str, Leg] = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/v1/messages": "messages",
    "/embeddings": "embeddings",
}
_OWN: dict[Dialect, Leg] = {"chat": "chat", "responses": "responses", "messages": "messages"}

_DO_NOT_CHAT = ("completion", "embeddings")

_CLAUDE: tuple[Leg, ...] = ("messages", "chat", "responses")
_REASONING: tuple[Leg, ...] = ("responses", "chat", "messages")
_OTHERS: tuple[Leg, ...] = ("chat", "responses", "messages")

_REASONS = re.compile(r"(?:gpt-(?:[5-9]|1\d)|o\d|grok-(?:[4-9]|1\d)|codex)(?!\d)|.*-codex\b")


def legs_of(model: Model) -> tuple[Leg, ...]:
    """Return the legs of a listed model; none for a model that does not chat and does not embed."""
    if model.kind == "embeddings":
        return ("embeddings",)
    if model.kind == "completion":
        return ()
    if model.supported_endpoints is None:
        return ("chat",)
    return tuple(_LEGS[name] for name in model.supported_endpoints if name in _LEGS)


def order_of(name: str) -> tuple[Leg, ...]:
    """Return the legs that a model by this name is best asked on, the best first."""
    lowered = name.lower()
    if lowered.startswith("claude-"):
        return _CLAUDE
    return _REASONING if _REASONS.match(lowered) else _OTHERS


def choose(facts: RequestFacts, name: str, model: Model | None, refused: frozenset[Leg]) -> Leg | None:
    """Return the leg for a model; None when there is none. `refused` are legs that it was found not to have.

    `name` is what upstream will see, `model` its entry in the list.
    """
    if facts.dialect == "embeddings":
        return "embeddings"
    order = order_of(name)
    if model is not None:
        if model.kind in _DO_NOT_CHAT:
            return None
        listed = legs_of(model)
        # A list that names none of ours is newer than this program: the old endpoint may still do.
        known = [leg for leg in order if leg in listed] or ["chat"]
    else:
        known = list(order)
        if facts.dialect == "chat":
            # What is not listed was always sent there, and that may work (compat.md 3.4).
            known.sort(key=lambda leg: leg != "chat")
    left = [leg for leg in known if leg not in refused] or known
    wanted = _wanted(facts, order, model)
    if wanted in left:
        return wanted
    return left[0]


def _wanted(facts: RequestFacts, order: tuple[Leg, ...], model: Model | None) -> Leg | None:
    """Return the leg that loses least for the client's dialect, if the model has it."""
    own = _OWN.get(facts.dialect)
    if own == "chat" and facts.reasoning and model is not None:
        # Chat refuses effort beside tools for some models, and has no full thinking for Claude.
        if order is _CLAUDE:
            return "messages" if "messages" in legs_of(model) else own
        if facts.tools and "responses" in legs_of(model):
            return "responses"
    if own == "responses" and model is None and order is not _REASONING:
        return None
    if own == "messages" and model is None and order is not _CLAUDE:
        return None
    return own
