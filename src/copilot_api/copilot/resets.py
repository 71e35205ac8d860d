"""When a spent allowance is full again, by the headers of a refusal (upstream.md 2.6, 8.5)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

_SNAPSHOTS = (
    "x-usage-ratelimit-session",
    "x-usage-ratelimit-weekly",
    "x-quota-snapshot-premium_interactions",
    "x-quota-snapshot-premium_models",
    "x-quota-snapshot-chat",
)
_SHORTEST = 60
"""Seconds below which a ``retry-after`` is a pause, not an allowance."""
_LONGEST = 366 * 24 * 3600


def resets_at(headers: Mapping[str, str], now: float) -> int | None:
    """Return Unix seconds, None when upstream did not tell. Only what is used up counts."""
    for name in _SNAPSHOTS:
        found = _spent_until(headers.get(name, ""))
        if found is not None and now < found < now + _LONGEST:
            return found
    wait = headers.get("retry-after", "").strip()
    if wait.isascii() and wait.isdigit() and _SHORTEST <= int(wait[:12]) <= _LONGEST:
        return int(now) + int(wait[:12])
    return None


def _spent_until(snapshot: str) -> int | None:
    from datetime import UTC, datetime

    try:
        values = parse_qs(snapshot, max_num_fields=30)
        if float(values.get("rem", ["1"])[0]) > 0:
            return None
        when = datetime.fromisoformat(values["rst"][0])
    except (KeyError, ValueError):
        return None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
