"""Budgets: how they are written, what they count, when they close and open."""

from __future__ import annotations

import time

import pytest

from copilot_api.ledger.budgets import Budgets, Standing, parse
from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT
from copilot_api.ledger.periods import projected, span
from tests.unit.ledger.entries import entry

NOON = time.mktime((2026, 3, 10, 12, 0, 0, 0, 0, -1))
MIDNIGHT = time.mktime((2026, 3, 11, 0, 0, 0, 0, 0, -1))
APRIL = time.mktime((2026, 4, 1, 0, 0, 0, 0, 0, -1))


def spent(budgets: Budgets, key: str, model: str) -> Standing | None:
    return budgets.judge(key, model)[0]


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "amount", "unit", "period", "key", "model", "hard"),
    [
        ("20/day", 20.0, "credits", "day", None, None, True),
        ("20 credits/day", 20.0, "credits", "day", None, None, True),
        ("$5/month", 5.0, "dollars", "month", None, None, True),
        ("0.5 USD / month soft", 0.5, "dollars", "month", None, None, False),
        ("key=alice: 100 requests/day", 100.0, "requests", "day", "alice", None, True),
        ("model=claude-opus-4.6:1 credit/day hard", 1.0, "credits", "day", None, "claude-opus-4.6", True),
    ],
)
def test_spellings(
    text: str, amount: float, unit: str, period: str, key: str | None, model: str | None, hard: bool
) -> None:
    found = parse(text)
    assert (found.amount, found.unit, found.period) == (amount, unit, period)
    assert (found.key, found.model, found.hard) == (key, model, hard)


@pytest.mark.parametrize(
    "text", ["", "20", "day", "20 euros/day", "20/week", "-1/day", "who=me: 1/day", "1/day ha"]
)
def test_what_is_no_budget_is_told_how_to_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="write it as"):
        parse(text)


def test_a_day_closes_and_opens_again_at_midnight() -> None:
    clock = Clock()
    budgets = Budgets([parse("2 credits/day")], clock)
    assert spent(budgets, "", "m") is None
    budgets.add(entry(nano_aiu=2 * NANO_AIU_PER_CREDIT))
    closed = spent(budgets, "", "m")
    assert closed is not None
    assert closed.span.end == MIDNIGHT
    clock.now = MIDNIGHT
    assert spent(budgets, "", "m") is None


def test_the_one_that_opens_last_is_named() -> None:
    budgets = Budgets([parse("1 requests/day"), parse("1 requests/month")], Clock())
    budgets.add(entry())
    closed = spent(budgets, "", "m")
    assert closed is not None
    assert closed.span.end == APRIL


def test_soft_ones_only_warn_once_near_and_once_over() -> None:
    budgets = Budgets([parse("10 requests/day soft")], Clock())
    crossed = [len(budgets.add(entry())) for _ in range(12)]
    assert crossed == [0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0]
    assert spent(budgets, "", "m") is None
    near = budgets.judge("", "m")[1]
    assert near is not None
    assert near.share == 1.2


def test_keys_and_models_count_their_own() -> None:
    budgets = Budgets([parse("key=ann: 1 requests/day"), parse("model=big: 1 requests/day")], Clock())
    budgets.add(entry(key="ann", model="small"))
    assert spent(budgets, "ann", "small") is not None
    assert spent(budgets, "bob", "small") is None
    assert spent(budgets, "bob", "big") is None
    budgets.add(entry(key="bob", model="big"))
    assert spent(budgets, "bob", "big") is not None


def test_what_was_not_sent_or_not_billed_costs_nothing() -> None:
    budgets = Budgets([parse("1 credits/day"), parse("2 requests/day")], Clock())
    budgets.add(entry(leg=""))
    budgets.add(entry(nano_aiu=None))
    assert [standing.spent for standing in budgets.standings()] == [0.0, 1.0]


def test_it_begins_with_what_the_ledger_knows() -> None:
    budgets = Budgets([parse("key=ann: 3 credits/day"), parse("5 requests/month")], Clock())
    asked = []

    def known(budget: object, since: float) -> tuple[int, int]:
        asked.append(since)
        return NANO_AIU_PER_CREDIT, 4

    budgets.seed(known)
    assert asked == [span("day", NOON).start, span("month", NOON).start]
    assert [standing.spent for standing in budgets.standings()] == [1.0, 4.0]


def test_spans_follow_the_calendar() -> None:
    assert span("day", NOON).end == MIDNIGHT
    assert span("month", NOON).end == APRIL
    december = time.mktime((2026, 12, 31, 23, 0, 0, 0, 0, -1))
    assert time.localtime(span("month", december).end)[:3] == (2027, 1, 1)
    assert time.localtime(span("day", december).end)[:3] == (2027, 1, 1)


def test_projection() -> None:
    month = span("month", NOON)
    half = month.start + (month.end - month.start) / 2
    assert projected(10.0, month, half) == 20.0
    assert projected(10.0, month, month.start) is None
