"""What refusals have taught about models: kept for a while, never on disk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from copilot_api.engine.interfaces import Leg

MEMBER_TTL = 600.0
"""Seconds that a refused member is left out; then it is tried again."""
MOST_MODELS = 256
"""Models that something is remembered of; clients can make names up."""
MOST_MEMBERS = 16
"""Members of one model's requests that are left out."""


class Learned:
    """Memory by model, by the names that upstream sees. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._completion_caps: set[str] = set()
        self._refused_legs: dict[str, frozenset[Leg]] = {}
        self._members: dict[str, dict[str, float]] = {}
        self.due = math.inf
        """When the next member may be tried again."""

    def wants_completion_cap(self, model: str) -> bool:
        """Tell whether the model refuses ``max_tokens`` (D-H15)."""
        return model in self._completion_caps

    def note_completion_cap(self, model: str) -> bool:
        """Remember that it does; tell whether that is news."""
        if model in self._completion_caps:
            return False
        _make_room(self._completion_caps, model)
        self._completion_caps.add(model)
        return True

    def refused_legs(self, model: str) -> frozenset[Leg]:
        """Return the legs that the model turned out not to have (upstream.md 8.4)."""
        return self._refused_legs.get(model, frozenset())

    def note_refused_leg(self, model: str, leg: Leg) -> bool:
        """Remember one until the model list changes; tell whether that is news."""
        known = self.refused_legs(model)
        if leg in known:
            return False
        _make_room(self._refused_legs, model)
        self._refused_legs[model] = known | {leg}
        return True

    def forget_legs(self) -> None:
        """The model list changed."""
        self._refused_legs.clear()

    def dropped(self, model: str) -> tuple[str, ...]:
        """Return the members that the model's requests go without."""
        now = self._clock()
        return tuple(sorted(name for name, until in self._members.get(model, {}).items() if until > now))

    def note_refused_member(self, model: str, member: str) -> bool:
        """Remember a member that was refused by name; tell whether that is news."""
        now = self._clock()
        _make_room(self._members, model)
        members = self._members.setdefault(model, {})
        if members.get(member, 0.0) > now or len(members) >= MOST_MEMBERS:
            return False
        members[member] = now + MEMBER_TTL
        self._set_due()
        return True

    def is_due(self) -> bool:
        """Tell whether some member may be tried again, once."""
        if self.due == math.inf or self._clock() < self.due:
            return False
        now = self._clock()
        for model, members in tuple(self._members.items()):
            left = {name: until for name, until in members.items() if until > now}
            if left:
                self._members[model] = left
            else:
                del self._members[model]
        self._set_due()
        return True

    def _set_due(self) -> None:
        self.due = min(
            (until for each in self._members.values() for until in each.values()), default=math.inf
        )


def _make_room(kept: set[str] | dict[str, frozenset[Leg]] | dict[str, dict[str, float]], model: str) -> None:
    if len(kept) >= MOST_MODELS and model not in kept:
        kept.clear()
