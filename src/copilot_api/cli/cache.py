"""``copilot-api cache``: what upstream's prompt caches kept, what broke them, and what that cost."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from copilot_api.cli.main import Invocation
from copilot_api.cli.tables import aligned
from copilot_api.cli.usage import ask_ledger, facts, moment, shortened
from copilot_api.ledger import turns
from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT
from copilot_api.ledger.turns import WORDS, CacheCause, CacheSums, CacheTurn

if TYPE_CHECKING:
    import sqlite3

MOST_TURNS = 200
"""Turns of a session that are shown, the newest."""
_FILTERS = ("session", "model", "client", "key")

_Found = tuple[CacheSums, tuple[CacheCause, ...], tuple[CacheTurn, ...]]


def run(invocation: Invocation) -> int:
    """Print what is found: of one session turn by turn, of all of them by cause."""
    values = invocation.parsed.values
    since = moment(str(values.get("since") or "month"), time.time())
    where: dict[str, str | int] = {name: str(values[name]) for name in _FILTERS if values.get(name)}
    one = "session" in where

    def question(ledger: sqlite3.Connection) -> _Found:
        return (
            turns.sums(ledger, since, where),
            turns.causes(ledger, since, where),
            turns.turns(ledger, since, where, limit=MOST_TURNS) if one else (),
        )

    found = ask_ledger(invocation, question)
    if invocation.flag("json"):
        sums, causes, single = found or (None, (), ())
        told = {
            "since": since,
            "total": facts(sums) if sums else None,
            "causes": [facts(each) for each in causes],
        }
        if one:
            told["turns"] = [facts(each) for each in single]
        invocation.console.plain(json.dumps(told, indent=2))
    elif found is None or not found[0].turns:
        invocation.console.plain("Nothing yet: no conversation of that time has a second turn.")
    else:
        invocation.console.plain(_report(*found))
    return 0


def _report(sums: CacheSums, causes: Sequence[CacheCause], single: Sequence[CacheTurn]) -> str:
    rate = _rate(sums.cached_tokens, sums.input_tokens) or "0%"
    summary = (
        f"{sums.turns:,} turns that go on from another: {rate} of their input came from the cache."
        f" {sums.kept:,} kept all that stood before."
    )
    if sums.lost_tokens:
        summary += f" Lost: {sums.lost_tokens:,} tokens{_cost(sums.lost_nano)}."
    lines = [summary]
    if single:
        lines += ["", _turn_table(single)]
    if causes:
        lines += ["", _cause_table(causes), "", _explained(causes)]
    return "\n".join(lines)


def _cause_table(causes: Sequence[CacheCause]) -> str:
    rows = [("CAUSE", "WHERE", "TURNS", "LOST", "CREDITS")]
    for each in causes:
        lost = shortened(each.lost_tokens), _credits(each.lost_nano)
        rows.append((each.cause, each.path or "-", f"{each.turns:,}", *lost))
    return aligned(rows, right=frozenset((2, 3, 4)))


def _turn_table(single: Sequence[CacheTurn]) -> str:
    rows = [("TIME", "MODEL", "INPUT", "CACHED", "LOST", "CAUSE", "WHERE")]
    rows += [
        (
            time.strftime("%m-%d %H:%M:%S", time.localtime(each.at)),
            each.model,
            "" if each.input_tokens is None else shortened(each.input_tokens),
            _rate(each.cached_tokens, each.input_tokens),
            "" if each.lost_tokens is None else shortened(each.lost_tokens),
            each.cause,
            each.path,
        )
        for each in single
    ]
    return aligned(rows, right=frozenset((2, 3, 4)))


def _explained(causes: Sequence[CacheCause]) -> str:
    named = dict.fromkeys(each.cause for each in causes)
    return aligned([(f"{cause}:", WORDS.get(cause, "")) for cause in named])


def _rate(cached: int | None, tokens: int | None) -> str:
    return "" if cached is None or not tokens else f"{cached / tokens:.0%}"


def _credits(nano: int | None) -> str:
    return "" if nano is None else f"{nano / NANO_AIU_PER_CREDIT:,.2f}"


def _cost(nano: int | None) -> str:
    return "" if nano is None else f", {_credits(nano)} credits"
