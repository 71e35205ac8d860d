"""Questions to the ledger: sums by day, model, client, key or session, and single requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from copilot_api.ledger.entry import COLUMNS, Entry
from copilot_api.records import record

if TYPE_CHECKING:
    import sqlite3

Axis = Literal["day", "hour", "model", "client", "key", "session", "outcome", "dialect"]
AXES: tuple[Axis, ...] = ("day", "hour", "model", "client", "key", "session", "outcome", "dialect")

FILTERS = (
    *("dialect", "leg", "asked", "model", "client", "key", "session", "outcome", "status", "initiator"),
    "request_id",
)
"""Columns that a question can be narrowed by."""
FAILED = "failed"
"""Said of `outcome`: all but the complete ones."""

_AXES: Mapping[Axis, str] = {
    "day": "strftime('%Y-%m-%d', at, 'unixepoch', 'localtime')",
    "hour": "strftime('%Y-%m-%d %H:00', at, 'unixepoch', 'localtime')",
    "model": "model",
    "client": "client",
    "key": "key",
    "session": "session",
    "outcome": "outcome",
    "dialect": "dialect",
}
_SUMS = (
    "count(*)",
    "coalesce(sum(outcome <> 'complete'), 0)",
    "coalesce(sum(input_tokens), 0)",
    "coalesce(sum(cached_tokens), 0)",
    "coalesce(sum(cache_write_tokens), 0)",
    "coalesce(sum(output_tokens), 0)",
    "coalesce(sum(reasoning_tokens), 0)",
    "sum(nano_aiu)",
    "coalesce(sum(nano_aiu IS NULL), 0)",
    "sum(CASE WHEN initiator = 'user' THEN multiplier END)",
    "avg(first_byte_ms)",
    "coalesce(avg(duration_ms), 0)",
)


@record
class Sums:
    """The requests of one group, added up. The order is that of the columns below."""

    group: str
    requests: int
    failed: int
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    nano_aiu: int | None
    """What upstream billed; None when it told of none of them."""
    unbilled: int
    """Requests of which upstream did not say what they cost."""
    premium: float | None
    """Premium requests: those of a user's own turns, on accounts billed by request."""
    first_byte_ms: float | None
    duration_ms: float


def sums(
    connection: sqlite3.Connection,
    axis: Axis,
    *,
    since: float = 0.0,
    until: float = float("inf"),
    where: Mapping[str, str | int] | None = None,
) -> tuple[Sums, ...]:
    """Return a group each, days and hours in order, others by what they cost. Times are Unix seconds."""
    condition, values = narrowed(since, until, where or {})
    order = "1" if axis in ("day", "hour") else "sum(nano_aiu) DESC, count(*) DESC, 1"
    rows = connection.execute(
        f"SELECT {_AXES[axis]}, {', '.join(_SUMS)} FROM requests WHERE {condition}"  # noqa: S608
        f" GROUP BY 1 ORDER BY {order}",
        values,
    )
    return tuple(Sums(*row) for row in rows)


def total(
    connection: sqlite3.Connection,
    *,
    since: float = 0.0,
    until: float = float("inf"),
    where: Mapping[str, str | int] | None = None,
) -> Sums:
    """Return all of them in one group, named ``total``."""
    condition, values = narrowed(since, until, where or {})
    row = connection.execute(
        f"SELECT 'total', {', '.join(_SUMS)} FROM requests WHERE {condition}",  # noqa: S608
        values,
    ).fetchone()
    return Sums(*row)


@record
class Point:
    """What one group used in one hour or day."""

    time: str
    group: str
    requests: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    nano_aiu: int | None


def series(
    connection: sqlite3.Connection, axis: Literal["day", "hour"], by: Axis, *, since: float
) -> tuple[Point, ...]:
    """Return what each group used in each hour or day from `since` on, in order of time."""
    rows = connection.execute(
        f"SELECT {_AXES[axis]}, {_AXES[by]}, count(*), coalesce(sum(input_tokens), 0),"  # noqa: S608
        " coalesce(sum(cached_tokens), 0), coalesce(sum(output_tokens), 0), sum(nano_aiu)"
        " FROM requests WHERE at >= ? GROUP BY 1, 2 ORDER BY 1, 2",
        (since,),
    )
    return tuple(Point(*row) for row in rows)


def sent(connection: sqlite3.Connection, *, since: float, where: Mapping[str, str | int]) -> tuple[int, int]:
    """Return nano-AIU and number of the requests that went upstream."""
    condition, values = narrowed(since, float("inf"), where)
    row = connection.execute(
        f"SELECT coalesce(sum(nano_aiu), 0), count(*) FROM requests WHERE {condition} AND leg <> ''",  # noqa: S608
        values,
    ).fetchone()
    return row[0], row[1]


def recent(
    connection: sqlite3.Connection,
    limit: int,
    *,
    before: int | None = None,
    since: float = 0.0,
    until: float = float("inf"),
    where: Mapping[str, str | int] | None = None,
) -> tuple[tuple[int, Entry], ...]:
    """Return the newest entries with their numbers, newest first; `before` goes on after a number."""
    condition, values = narrowed(since, until, where or {})
    if before is not None:
        condition += " AND id < ?"
        values.append(before)
    rows = connection.execute(
        f"SELECT id, {', '.join(COLUMNS)} FROM requests WHERE {condition} ORDER BY id DESC LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return tuple((row[0], _entry(row[1:])) for row in rows)


def choices(connection: sqlite3.Connection, column: str, *, since: float, limit: int) -> tuple[str, ...]:
    """Return what stands in a column of `FILTERS`, in order. Raises ValueError for another."""
    if column not in FILTERS:
        raise ValueError(f"{column!r} is no filter; there are {', '.join(FILTERS)}")
    rows = connection.execute(
        f"SELECT DISTINCT {column} FROM requests WHERE at >= ? AND {column} <> '' ORDER BY 1 LIMIT ?",  # noqa: S608
        (since, limit),
    )
    return tuple(row[0] for row in rows)


def tokens_per_byte(connection: sqlite3.Connection, *, since: float) -> dict[tuple[str, str], float]:
    """Return how many tokens a byte of a streamed answer stood for, by model and dialect."""
    rows = connection.execute(
        "SELECT model, dialect, CAST(sum(output_tokens) AS REAL) / sum(bytes_out) FROM requests"
        " WHERE at >= ? AND streamed AND outcome = 'complete' AND output_tokens > 0 AND bytes_out > 0"
        " GROUP BY 1, 2",
        (since,),
    )
    return {(row[0], row[1]): row[2] for row in rows}


def one(connection: sqlite3.Connection, number: int) -> Entry | None:
    """Return the entry of a number."""
    row = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM requests WHERE id = ?",  # noqa: S608
        (number,),
    ).fetchone()
    return None if row is None else _entry(row)


def _entry(row: tuple[object, ...]) -> Entry:
    values = dict(zip(COLUMNS, row, strict=True))
    values["streamed"] = bool(values["streamed"])
    return Entry(**values)  # type: ignore[arg-type]  # as the columns were declared


def narrowed(since: float, until: float, where: Mapping[str, str | int]) -> tuple[str, list[object]]:
    """Return SQL and its values. Raises ValueError for a column that is no filter."""
    parts, values = ["at >= ?"], [since]
    bound: list[object] = [*values]
    if until != float("inf"):
        parts.append("at < ?")
        bound.append(until)
    for name, value in where.items():
        if name not in FILTERS:
            raise ValueError(f"{name!r} is no filter; there are {', '.join(FILTERS)}")
        if name == "outcome" and value == FAILED:
            parts.append("outcome <> 'complete'")
            continue
        parts.append(f"{name} = ?")
        bound.append(value)
    return " AND ".join(parts), bound
