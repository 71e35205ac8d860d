"""Opaque reasoning carriers on their way through a foreign dialect: tagged with leg and model.

A carrier (`reasoning_opaque`, `encrypted_content`, a signature) is bound to the model and the leg that made
it; upstream refuses it anywhere else (upstream.md 6.4, 11.3). Within its own dialect it travels untouched.
"""

from __future__ import annotations

from dataclasses import dataclass

from copilot_api.engine.interfaces import Leg

_MARK = "copilot-api:"


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier with its origin."""

    leg: str
    model: str
    value: str


def tag(value: str, leg: Leg, model: str) -> str:
    """Return the carrier as a client of a foreign dialect gets it."""
    return f"{_MARK}{leg}:{model}:{value}"


def read(carrier: str) -> Carrier | None:
    """Return what was tagged; None for a carrier that this gateway did not tag."""
    if not carrier.startswith(_MARK):
        return None
    parts = carrier[len(_MARK) :].split(":", 2)
    return Carrier(*parts) if len(parts) == 3 else None


def fitting(carrier: str, leg: Leg, model: str) -> str:
    """Return the value to send to a model on a leg; empty when the carrier is not of there."""
    found = read(carrier)
    return found.value if found is not None and (found.leg, found.model) == (leg, model) else ""
