"""What the dashboard shows, as plain values for JSON. Each function is one question of `static/views`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from copilot_api.github.quota import Quota, Snapshot
from copilot_api.ledger import reports, turns
from copilot_api.ledger.budgets import NEARLY, Standing
from copilot_api.ledger.entry import COLUMNS, Entry
from copilot_api.ledger.periods import Span, month_until, projected, span
from copilot_api.ledger.reports import Sums
from copilot_api.records import fields

if TYPE_CHECKING:
    import sqlite3

HOURS = 24
DAYS = 30
HOUR = 3_600.0
DAY = 86_400.0
MOST_ROWS = 500
MOST_SESSIONS = 50
MOST_CHOICES = 100
MOST_FAILED = 100
MOST_CAUSES = 20
MOST_BREAKS = 50

_BY: tuple[reports.Axis, ...] = ("model", "client", "key", "outcome")
_CHOICES = ("model", "client", "key", "dialect", "initiator", "outcome")
_NOTHING = Sums("total", 0, 0, 0, 0, 0, 0, 0, None, 0, None, None, 0.0)


def overview(ledger: sqlite3.Connection | None, standings: Iterable[Standing], now: float) -> dict[str, Any]:
    """Return what is spent today and this month, by whom and for what, and what is left."""
    today, month = span("day", now), span("month", now)
    this_month = _total(ledger, month.start)
    spent = this_month.nano_aiu
    budgets = tuple(standings)
    return {
        "today": _facts(_total(ledger, today.start)),
        "month": _facts(this_month),
        "projected_nano": None if spent is None else projected(spent, month, now),
        "budgets": [_budget(each) for each in budgets],
        "warnings": [_warning(each) for each in budgets if each.share >= NEARLY],
        "by_model": _groups(ledger, "model", month.start),
        "by_client": _groups(ledger, "client", month.start),
        "by_key": _groups(ledger, "key", month.start),
    }


def series(ledger: sqlite3.Connection | None, axis: str, by: str, now: float) -> dict[str, Any]:
    """Return what each group used in each of the last hours or days. Raises ValueError for other axes."""
    wanted = next((each for each in _BY if each == by), None)
    if wanted is None or axis not in ("hour", "day"):
        raise ValueError(f"no series of {by!r} by {axis!r}")
    step: Literal["hour", "day"] = "hour" if axis == "hour" else "day"
    if step == "hour":
        first = now - (HOURS - 1) * HOUR
        since = first - first % HOUR
        times = [_local("%Y-%m-%d %H:00", since + at * HOUR) for at in range(HOURS)]
    else:
        since = span("day", now - (DAYS - 1) * DAY).start
        # From the middle of the first day on: a day of 23 hours skips none.
        times = [_local("%Y-%m-%d", since + DAY / 2 + at * DAY) for at in range(DAYS)]
    points = () if ledger is None else reports.series(ledger, step, wanted, since=since)
    return {"times": times, "rows": [_facts(point) for point in points]}


def requests(ledger: sqlite3.Connection | None, parameters: Mapping[str, str], now: float) -> dict[str, Any]:
    """Return the newest requests that fit, and the sums of all. Raises ValueError for what is no number."""
    limit = min(int(parameters.get("limit") or 100), MOST_ROWS)
    before = int(parameters["before"]) if parameters.get("before") else None
    where: dict[str, str | int] = {
        name: value for name, value in parameters.items() if name in reports.FILTERS and value
    }
    if "status" in where:
        where["status"] = int(where["status"])
    since = now - float(parameters["hours"]) * HOUR if parameters.get("hours") else 0.0
    if ledger is None:
        return {"requests": [], "total": None if before else _facts(_NOTHING)}
    found = reports.recent(ledger, limit, before=before, since=since, where=where)
    return {
        "requests": [_entry(number, entry) for number, entry in found],
        "total": None if before else _facts(reports.total(ledger, since=since, where=where)),
    }


def choices(ledger: sqlite3.Connection | None, now: float) -> dict[str, tuple[str, ...]]:
    """Return what requests can be chosen by: what stands in the ledger since a month."""
    if ledger is None:
        return dict.fromkeys(_CHOICES, ())
    since = now - DAYS * DAY
    return {name: reports.choices(ledger, name, since=since, limit=MOST_CHOICES) for name in _CHOICES}


def failures(ledger: sqlite3.Connection | None, counted: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return what failed: `counted` since the start, and what the ledger knows hour by hour and singly."""
    newest = () if ledger is None else reports.recent(ledger, MOST_FAILED, where={"outcome": reports.FAILED})
    told = series(ledger, "hour", "outcome", now)
    return {
        **counted,
        "times": told["times"],
        "rows": [row for row in told["rows"] if row["group"] != "complete"],
        "requests": [_entry(number, entry) for number, entry in newest],
    }


def tokens_per_byte(ledger: sqlite3.Connection | None, now: float) -> dict[tuple[str, str], float]:
    """See :func:`copilot_api.ledger.reports.tokens_per_byte`; of the last month."""
    return {} if ledger is None else reports.tokens_per_byte(ledger, since=now - DAYS * DAY)


def cache(ledger: sqlite3.Connection | None, answers: Mapping[str, int] | None, now: float) -> dict[str, Any]:
    """Return how much of what was sent upstream had cached, by day and by conversation, and what broke it."""
    month = span("month", now).start
    days = _groups(ledger, "day", span("day", now - (DAYS - 1) * DAY).start)
    sessions = _groups(ledger, "session", month)
    return {
        "month": _facts(_total(ledger, month)),
        "days": days,
        "sessions": sessions[:MOST_SESSIONS],
        "answers": dict(answers) if answers is not None else None,
        "doctor": None if ledger is None else _doctor(ledger, month),
    }


def _doctor(ledger: sqlite3.Connection, since: float) -> dict[str, Any]:
    causes = turns.causes(ledger, since, {})
    return {
        "total": _facts(turns.sums(ledger, since, {})),
        "causes": [
            _facts(each) | {"words": turns.WORDS.get(each.cause, "")} for each in causes[:MOST_CAUSES]
        ],
        "breaks": [_facts(each) for each in turns.turns(ledger, since, {}, limit=MOST_BREAKS, broken=True)],
    }


def _total(ledger: sqlite3.Connection | None, since: float) -> Sums:
    return _NOTHING if ledger is None else reports.total(ledger, since=since)


def _groups(ledger: sqlite3.Connection | None, axis: reports.Axis, since: float) -> list[dict[str, Any]]:
    return [] if ledger is None else [_facts(each) for each in reports.sums(ledger, axis, since=since)]


def _entry(number: int, entry: Entry) -> dict[str, Any]:
    return {"id": number} | {name: getattr(entry, name) for name in COLUMNS}


def _facts(row: object) -> dict[str, Any]:
    return {each.name: getattr(row, each.name) for each in fields(type(row))}


def quota(quota: Quota | None, problem: str, now: float) -> dict[str, Any]:
    """Return the account's allowances, and what they come to if it goes on like this."""
    if quota is None:
        return {"plan": "", "reset": "", "snapshots": [], "problem": problem}
    month = month_until(quota.reset)
    within = month is not None and month.start <= now < month.end
    return {
        "plan": quota.plan,
        "reset": quota.reset,
        "snapshots": [_snapshot(each, month if within else None, now) for each in quota.snapshots],
        "problem": problem,
    }


def _snapshot(snapshot: Snapshot, month: Span | None, now: float) -> dict[str, Any]:
    used, entitlement = snapshot.used, snapshot.entitlement
    limited = month is not None and not snapshot.unlimited and entitlement > 0
    then = projected(used, month, now) if limited and month is not None else None
    spent_at = None
    if month is not None and then is not None and then > entitlement > used:
        spent_at = month.start + (month.end - month.start) * entitlement / then
    return {
        "name": snapshot.key.replace("_", " ").capitalize(),
        "entitlement": entitlement,
        "used": used,
        "unlimited": snapshot.unlimited,
        "projected": then,
        "spent_at": spent_at,
    }


def _budget(standing: Standing) -> dict[str, Any]:
    budget = standing.budget
    return {
        "text": budget.text,
        "amount": budget.amount,
        "unit": budget.unit,
        "spent": standing.spent,
        "share": min(standing.share, 1e9),
        "hard": budget.hard,
        "until": standing.span.end,
    }


def _warning(standing: Standing) -> str:
    if standing.share < 1:
        return f"The budget “{standing.budget.text}” is nearly spent."
    then = "requests are refused" if standing.budget.hard else "it only warns"
    until = _local("%d %b %H:%M", standing.span.end)
    return f"The budget “{standing.budget.text}” is spent: {then} until {until}."


def _local(shape: str, seconds: float) -> str:
    return time.strftime(shape, time.localtime(seconds))
