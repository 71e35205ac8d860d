"""Questions to the ledger about prompt caches: turn by turn, and what breaks them most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from copilot_api.ledger.reports import narrowed
from copilot_api.records import record

if TYPE_CHECKING:
    import sqlite3

WORDS = {
    "first": "a conversation begins",
    "kept": "the request begins with all of the one before",
    "model": "another model was asked, and each has a cache of its own",
    "tool_order": "the same tools came in another order",
    "tool_added": "a tool was added",
    "tool_removed": "a tool was taken away",
    "tools": "tools were exchanged for others",
    "tool_changed": "the definition of a tool changed",
    "billing_header": "Claude Code's version line changed",
    "system": "the system prompt changed; is there a date or a state in it?",
    "parameter": "a setting that parts caches changed, as effort, thinking or tool choice",
    "last_message": "another last message was asked of the same beginning",
    "shortened": "messages at the end were taken back",
    "message": "an earlier message changed: edited, summed up or cleaned",
    "idle": "the turn before was longer ago than caches live (5 minutes, or an hour if asked for)",
    "unmarked": "the client marked nothing to cache (cache_control)",
    "upstream": "nothing changed: upstream had dropped it, or another machine answered",
}
"""What each cause means, for a person."""

_TURNS = (
    *("id", "at", "session", "client", "model", "dialect", "input_tokens", "cached_tokens"),
    *("cache_cause", "cache_path", "cache_lost", "cache_lost_nano", "cache_gap"),
)


@record
class CacheTurn:
    """One request that was looked at. The order is that of `_TURNS`."""

    id: int
    at: float
    session: str
    client: str
    model: str
    dialect: str
    input_tokens: int | None
    cached_tokens: int | None
    cause: str
    path: str
    lost_tokens: int | None
    """Input tokens that would have come from the cache."""
    lost_nano: int | None
    gap: float | None
    """Seconds since the turn before."""


@record
class CacheCause:
    """What broke caches at one place, added up."""

    cause: str
    path: str
    turns: int
    lost_tokens: int
    lost_nano: int | None
    """None where the price of none of them is known."""


@record
class CacheSums:
    """All turns of a time, added up. `turns` are those that go on from another."""

    conversations: int
    turns: int
    kept: int
    input_tokens: int
    cached_tokens: int
    lost_tokens: int
    lost_nano: int | None


def sums(connection: sqlite3.Connection, since: float, where: Mapping[str, str | int]) -> CacheSums:
    """Return how all turns did."""
    condition, values = _narrowed(since, where)
    row = connection.execute(
        "SELECT coalesce(sum(cache_cause = 'first'), 0), coalesce(sum(cache_cause <> 'first'), 0),"  # noqa: S608
        " coalesce(sum(cache_cause = 'kept'), 0),"
        " coalesce(sum(CASE WHEN cache_cause <> 'first' THEN input_tokens END), 0),"
        " coalesce(sum(CASE WHEN cache_cause <> 'first' THEN cached_tokens END), 0),"
        f" coalesce(sum(cache_lost), 0), sum(cache_lost_nano) FROM requests WHERE {condition}",
        values,
    ).fetchone()
    return CacheSums(*row)


def causes(
    connection: sqlite3.Connection, since: float, where: Mapping[str, str | int]
) -> tuple[CacheCause, ...]:
    """Return what broke caches, the dearest first. Numbers in paths count as one place."""
    condition, values = _narrowed(since, where)
    rows = connection.execute(
        "SELECT cache_cause, cache_path, count(*), coalesce(sum(cache_lost), 0), sum(cache_lost_nano)"  # noqa: S608
        f" FROM requests WHERE {condition} AND cache_cause NOT IN ('first', 'kept')"
        " GROUP BY 1, CASE WHEN cache_cause IN ('message', 'last_message', 'shortened') THEN ''"
        " ELSE cache_path END"
        " ORDER BY 4 DESC, 3 DESC, 1, 2",
        values,
    )
    return tuple(CacheCause(row[0], _place(row[0], row[1], row[2]), *row[2:]) for row in rows)


def turns(
    connection: sqlite3.Connection,
    since: float,
    where: Mapping[str, str | int],
    *,
    limit: int,
    broken: bool = False,
) -> tuple[CacheTurn, ...]:
    """Return the newest turns in the order in which they came; `broken`: only those that lost something."""
    condition, values = _narrowed(since, where)
    if broken:
        condition += " AND cache_lost > 0"
    rows = connection.execute(
        f"SELECT {', '.join(_TURNS)} FROM requests WHERE {condition} ORDER BY id DESC LIMIT ?",  # noqa: S608
        (*values, limit),
    ).fetchall()
    return tuple(CacheTurn(*row) for row in reversed(rows))


def _narrowed(since: float, where: Mapping[str, str | int]) -> tuple[str, list[object]]:
    condition, values = narrowed(since, float("inf"), where)
    return f"{condition} AND cache_cause <> ''", values


def _place(cause: str, path: str, turns: int) -> str:
    """Return a path that stands for several: which message it was differs from turn to turn."""
    if turns > 1 and cause in ("message", "last_message", "shortened"):
        return path.partition("[")[0] + "[…]"
    return path
