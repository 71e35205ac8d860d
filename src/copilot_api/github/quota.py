"""What GitHub says of an account's quota, in one shape for paid and free plans (upstream.md 1.4)."""

from __future__ import annotations

import json
from typing import Any

from copilot_api.records import record

FREE_QUOTAS = ("chat", "completions")


@record
class Snapshot:
    """One allowance. `key` is GitHub's name for it: ``premium_interactions``, ``chat``, ``completions``."""

    key: str
    entitlement: float
    remaining: float
    percent_remaining: float | None
    unlimited: bool

    @property
    def used(self) -> float:
        """What is gone of it."""
        return self.entitlement - self.remaining


@record
class Quota:
    """The account's plan and its allowances; empty texts are what GitHub does not say."""

    plan: str
    reset: str
    """The date of the next reset as GitHub writes it."""
    snapshots: tuple[Snapshot, ...]

    def of(self, key: str) -> Snapshot | None:
        """Return an allowance by GitHub's name."""
        return next((each for each in self.snapshots if each.key == key), None)


def read(body: bytes) -> Quota | None:
    """Read the body of ``GET /copilot_internal/user``; None when it is no JSON object."""
    try:
        usage = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(usage, dict):
        return None
    given = usage.get("quota_snapshots")
    if isinstance(given, dict):
        found = [_snapshot(key, value) for key, value in given.items() if isinstance(value, dict)]
    else:
        found = _free_plan(usage)
    reset = usage.get("quota_reset_date") or usage.get("limited_user_reset_date") or ""
    return Quota(
        str(usage.get("copilot_plan") or ""),
        str(reset),
        tuple(each for each in found if each is not None),
    )


def _snapshot(key: str, value: dict[str, Any]) -> Snapshot | None:
    entitlement, remaining = _number(value.get("entitlement")), _number(value.get("remaining"))
    if entitlement is None or remaining is None:
        return None
    percent = _number(value.get("percent_remaining"))
    return Snapshot(key, entitlement, remaining, percent, value.get("unlimited") is True or entitlement < 0)


def _free_plan(usage: dict[str, Any]) -> list[Snapshot | None]:
    """Read the older shape of the free plan (upstream.md 1.4)."""
    left, total = usage.get("limited_user_quotas"), usage.get("monthly_quotas")
    if not isinstance(left, dict) or not isinstance(total, dict):
        return []
    found: list[Snapshot | None] = []
    for key in FREE_QUOTAS:
        remaining, entitlement = _number(left.get(key)), _number(total.get(key))
        if remaining is not None and entitlement:
            found.append(
                Snapshot(key, entitlement, remaining, remaining / entitlement * 100, unlimited=False)
            )
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
