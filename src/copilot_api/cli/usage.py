"""``copilot-api usage``: what was spent through this gateway, from its ledger."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
from copilot_api.cli.tables import aligned, csv
from copilot_api.configuration import ConfigurationError
from copilot_api.github.credentials import data_directory
from copilot_api.ledger import reports
from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT, NANO_AIU_PER_DOLLAR
from copilot_api.ledger.periods import span
from copilot_api.ledger.reports import Sums
from copilot_api.records import fields

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

FILE = "ledger.sqlite"
_AGES = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_FILTERS = ("model", "client", "key", "session")
_NUMBERS = frozenset(range(1, 9))


def run(invocation: Invocation) -> int:
    """Print the sums."""
    values = invocation.parsed.values
    axis = str(values.get("by") or "day")
    if axis not in reports.AXES:
        raise ConfigurationError(f"--by {axis}: it is one of {', '.join(reports.AXES)}")
    now = time.time()
    since = moment(str(values.get("since") or "month"), now)
    where = {name: str(values[name]) for name in _FILTERS if values.get(name)}
    with waiting(invocation.steps, "Reading the ledger …"):
        found, total = _ask(invocation, axis, since, where)
    if invocation.flag("json"):
        told = {"since": since, "by": axis, "groups": [facts(each) for each in found]}
        invocation.console.plain(json.dumps(told | {"total": facts(total) if total else None}, indent=2))
    elif invocation.flag("csv"):
        names = [axis, *(each.name for each in fields(Sums) if each.name != "group")]
        invocation.console.plain(csv([names, *(list(facts(each).values()) for each in found)]))
    elif total is None or not total.requests:
        invocation.console.plain("Nothing yet: the ledger has no request of that time.")
    else:
        invocation.console.plain(table(axis, found, total))
    return 0


def _ask(
    invocation: Invocation, axis: reports.Axis, since: float, where: dict[str, str]
) -> tuple[tuple[Sums, ...], Sums | None]:
    def question(ledger: sqlite3.Connection) -> tuple[tuple[Sums, ...], Sums | None]:
        return (
            reports.sums(ledger, axis, since=since, where=where),
            reports.total(ledger, since=since, where=where),
        )

    return ask_ledger(invocation, question) or ((), None)


def ask_ledger(invocation: Invocation, question: Callable[[sqlite3.Connection], T]) -> T | None:
    """Ask the ledger of this home; None where there is none yet. Raises :class:`ConfigurationError`."""
    import sqlite3

    from copilot_api.ledger.schema import UnknownLedger, open_to_read

    try:
        connection = open_to_read(data_directory(invocation.home) / FILE)
        if connection is None:
            return None
        try:
            return question(connection)
        finally:
            connection.close()
    except (sqlite3.Error, UnknownLedger) as error:
        raise ConfigurationError(f"the ledger cannot be read: {error}") from error


def facts(row: object) -> dict[str, Any]:
    """Return a record for a program; amounts as upstream said them, None where it said nothing."""
    return {each.name: getattr(row, each.name) for each in fields(type(row))}


def table(axis: str, found: Sequence[Sums], total: Sums) -> str:
    """Return the groups and their sum for a person."""
    headings = (axis.upper(), "REQUESTS", "FAILED", "INPUT", "CACHED", "OUTPUT", "CREDITS", "USD", "PREMIUM")
    rows = [headings, *(_row(each) for each in found), _row(total)]
    return aligned(rows, right=_NUMBERS)


def _row(sums: Sums) -> tuple[str, ...]:
    return (
        sums.group or "-",
        f"{sums.requests:,}",
        f"{sums.failed:,}" if sums.failed else "",
        shortened(sums.input_tokens),
        f"{sums.cached_tokens / sums.input_tokens:.0%}" if sums.input_tokens else "",
        shortened(sums.output_tokens),
        "" if sums.nano_aiu is None else f"{sums.nano_aiu / NANO_AIU_PER_CREDIT:,.2f}",
        "" if sums.nano_aiu is None else f"{sums.nano_aiu / NANO_AIU_PER_DOLLAR:,.2f}",
        "" if sums.premium is None else f"{sums.premium:,.2f}",
    )


def shortened(count: int) -> str:
    """Return a number of tokens in few digits."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= 10 * size:
            return f"{count / size:,.1f}{letter}"
    return f"{count:,}"


def moment(text: str, now: float) -> float:
    """Read ``today``, ``month``, ``all``, an age as ``7d`` or a date. Returns Unix seconds."""
    if text == "all":
        return 0.0
    if text in ("today", "day", "month"):
        return span("month" if text == "month" else "day", now).start
    age = re.fullmatch(r"(\d+)([hdw])", text)
    if age is not None:
        return now - int(age[1]) * _AGES[age[2]]
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d"))
    except ValueError:
        raise ConfigurationError(
            f"--since {text}: write today, month, all, an age as 7d or 12h, or a date as 2026-11-30"
        ) from None
