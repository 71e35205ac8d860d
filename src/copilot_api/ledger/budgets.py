"""Budgets: how much may be spent in a day or a month, in all, by a key or on a model (``--budget``).

A budget counts what upstream said it billed, or requests. It is checked before a request is sent, so
requests that are in flight when it is reached are the most by which it can be passed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Literal

from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT, NANO_AIU_PER_DOLLAR, Entry
from copilot_api.ledger.periods import PERIODS, Period, Span, span
from copilot_api.records import record

Unit = Literal["credits", "dollars", "requests"]

_UNITS: dict[str, Unit] = {
    "credit": "credits",
    "credits": "credits",
    "$": "dollars",
    "usd": "dollars",
    "dollar": "dollars",
    "dollars": "dollars",
    "request": "requests",
    "requests": "requests",
}
_NANO = {"credits": NANO_AIU_PER_CREDIT, "dollars": NANO_AIU_PER_DOLLAR}
_SPELLING = re.compile(
    r"(?:(?P<scope>key|model)\s*=\s*(?P<name>[^:]+):)?\s*(?P<dollar>\$)?\s*(?P<amount>\d+(?:\.\d+)?)"
    r"\s*(?P<unit>[A-Za-z$]+)?\s*/\s*(?P<period>[a-z]+)(?:\s+(?P<kind>soft|hard))?"
)
NEARLY = 0.8
"""Share of a budget from which on it is warned of."""


@record
class Budget:
    """One limit. A soft one only warns."""

    text: str
    """As the user wrote it."""
    amount: float
    unit: Unit
    period: Period
    key: str | None
    model: str | None
    hard: bool


@record
class Standing:
    """How a budget stands now."""

    budget: Budget
    spent: float
    """In the budget's own unit."""
    span: Span

    @property
    def share(self) -> float:
        """What is spent of it; 1.0 and more is all."""
        return self.spent / self.budget.amount if self.budget.amount else float("inf")


def parse(text: str) -> Budget:
    """Read ``[key=NAME:|model=NAME:] AMOUNT [credits|dollars|requests]/day|month [soft]``.

    Raises ValueError that says how it is written.
    """
    found = _SPELLING.fullmatch(text.strip())
    unit = "credits"
    if found is not None:
        named = found["unit"]
        unit = _UNITS.get(named.lower(), "") if named else ("dollars" if found["dollar"] else "credits")
    if found is None or not unit or found["period"] not in PERIODS:
        raise ValueError(
            f"{text!r} is no budget; write it as '20 credits/day', 'key=alice: $5/month' or"
            " 'model=gpt-5: 100 requests/day soft'"
        )
    name = (found["name"] or "").strip()
    return Budget(
        text=text.strip(),
        amount=float(found["amount"]),
        unit=unit,  # type: ignore[arg-type]  # a value of _UNITS
        period=found["period"],
        key=name if found["scope"] == "key" else None,
        model=name if found["scope"] == "model" else None,
        hard=found["kind"] != "soft",
    )


class Account:
    """What was spent of one budget in the span that runs."""

    __slots__ = ("budget", "nano", "requests", "span", "warned")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.span = Span(0.0, 0.0)
        self.nano = 0
        self.requests = 0
        self.warned = 0.0

    def turn(self, now: float) -> None:
        """Begin anew where a new span has begun."""
        if not self.span.start <= now < self.span.end:
            self.span = span(self.budget.period, now)
            self.nano = self.requests = 0
            self.warned = 0.0

    @property
    def spent(self) -> float:
        """The sum, in the budget's own unit."""
        if self.budget.unit == "requests":
            return float(self.requests)
        return self.nano / _NANO[self.budget.unit]

    def concerns(self, key: str, model: str) -> bool:
        """Tell whether a request of a key for a model counts."""
        wanted = self.budget
        return wanted.key in (None, key) and wanted.model in (None, model)


class Budgets:
    """All budgets of a process. Made once, in `app`; fed by what the ledger gets."""

    def __init__(self, budgets: Iterable[Budget], now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.accounts = tuple(Account(budget) for budget in budgets)

    def __bool__(self) -> bool:
        return bool(self.accounts)

    def seed(self, spent: Callable[[Budget, float], tuple[int, int]]) -> None:
        """Begin with what the ledger knows: `spent` gives nano-AIU and requests of a budget since a time."""
        now = self.now()
        for account in self.accounts:
            account.turn(now)
            account.nano, account.requests = spent(account.budget, account.span.start)

    def add(self, entry: Entry) -> tuple[Standing, ...]:
        """Count a request; return the budgets that are to be warned of now: nearly spent, then spent."""
        now = self.now()
        crossed = []
        for account in self.accounts:
            account.turn(now)
            # A request that never left is nobody's expense.
            if not entry.leg or not account.concerns(entry.key, entry.model):
                continue
            account.requests += 1
            account.nano += entry.nano_aiu or 0
            standing = self._standing(account)
            level = 1.0 if standing.share >= 1.0 else NEARLY if standing.share >= NEARLY else 0.0
            if level > account.warned:
                account.warned = level
                crossed.append(standing)
        return tuple(crossed)

    def judge(self, key: str, model: str) -> tuple[Standing | None, Standing | None]:
        """Return a hard budget that leaves nothing for such a request, of several the one that opens last;
        and the one of the others that is the nearest to its end, if it is near.
        """
        now = self.now()
        closed, near = [], []
        for account in self.accounts:
            account.turn(now)
            if not account.concerns(key, model):
                continue
            standing = self._standing(account)
            if standing.share >= 1.0 and account.budget.hard:
                closed.append(standing)
            elif standing.share >= NEARLY:
                near.append(standing)
        return (
            max(closed, key=lambda standing: standing.span.end, default=None),
            max(near, key=lambda standing: standing.share, default=None),
        )

    def standings(self) -> tuple[Standing, ...]:
        """Return how all of them stand."""
        now = self.now()
        for account in self.accounts:
            account.turn(now)
        return tuple(self._standing(account) for account in self.accounts)

    @staticmethod
    def _standing(account: Account) -> Standing:
        return Standing(account.budget, account.spent, account.span)
