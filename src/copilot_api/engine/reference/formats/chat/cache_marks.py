"""Where a prompt cache may begin, on the chat endpoint: Copilot's extension for Claude (upstream.md 4.1)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan

MEMBER = "copilot_cache_control"
MOST = 4
"""Markers that Claude takes in one request (upstream.md 6.2)."""


def marker() -> dict[str, Any]:
    """Return a marker."""
    return {"type": "ephemeral"}


def is_claude(model: str, plan: RequestPlan) -> bool:
    """Tell whether the model that upstream will see is a Claude."""
    return "claude" in (plan.target or model).lower()


def mark(request: dict[str, Any], plan: RequestPlan, rewrites: list[str]) -> None:
    """Keep the client's markers for Claude, drop them for others, or set them where none came."""
    places = [*request.get("tools", ()), *request["messages"]]
    marked = [place for place in places if MEMBER in place]
    if not is_claude(request["model"], plan):
        for place in marked:
            del place[MEMBER]
        if marked:
            rewrites.append("dropped cache_control")
    elif marked:
        # The first is the longest-lived, the last ones are what the next request begins with.
        for place in marked[1 : len(marked) - MOST + 1]:
            del place[MEMBER]
        if len(marked) > MOST:
            rewrites.append(f"dropped cache_control beyond {MOST} markers")
    elif plan.cache_breakpoints:
        for place in _breakpoints(request):
            place[MEMBER] = marker()
        rewrites.append("marked where a prompt cache may begin")


def _breakpoints(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the last tool, the last system message, and the last two messages from outside the model."""
    messages = request["messages"]
    systems = [message for message in messages if message["role"] == "system"]
    given = [message for message in messages if message["role"] in ("user", "tool")]
    return [*request.get("tools", ())[-1:], *systems[-1:], *given[-2:]]
