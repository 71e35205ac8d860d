"""A request in Anthropic's form while it is made fit for upstream: the tree, and what was changed in it."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan


class Draft:
    """The request's members are changed in place; `touched` names those that are to be written anew."""

    def __init__(self, request: dict[str, Any], plan: RequestPlan) -> None:
        self.request = request
        self.plan = plan
        self.touched: set[str] = set()
        self._rewrites: dict[str, None] = {}

    @property
    def rewrites(self) -> tuple[str, ...]:
        """What was changed, each once, in order."""
        return tuple(self._rewrites)

    def say(self, rewrite: str) -> None:
        """Record a change."""
        self._rewrites[rewrite] = None

    def touch(self, member: str, rewrite: str) -> None:
        """Record that something within a member was changed."""
        self.touched.add(member)
        self.say(rewrite)

    def put(self, member: str, value: Any, rewrite: str) -> None:
        """Set a member."""
        self.request[member] = value
        self.touch(member, rewrite)

    def drop(self, member: str, rewrite: str) -> None:
        """Remove a member, if it is there."""
        if member in self.request:
            del self.request[member]
            self.touch(member, rewrite)

    def has_beta(self, prefix: str) -> bool:
        """Tell whether a beta of this family goes upstream with the request."""
        return any(beta.startswith(prefix) for beta in self.plan.betas)
