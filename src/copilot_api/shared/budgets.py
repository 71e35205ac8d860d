"""Budgets that all replicas spend from.

Each process tells the store what it has spent in the period, and learns what all have. Between two looks it
goes by the last sum and what it spent itself since: what the others spend in that second, and what is in
flight, is the most by which a budget can be passed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from copilot_api.ledger.budgets import Account, Budget, Budgets, Standing
from copilot_api.ledger.entry import Entry
from copilot_api.ledger.periods import Span
from copilot_api.shared import scripts
from copilot_api.shared.link import Link, StoreAway, StoreRefused
from copilot_api.shared.watching import Watching

LOOK = 1.0
"""Seconds between two looks at what the others have spent."""


class _Own:
    """What this process has spent of one budget in a span, and what was spent before there was a store."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.span: Span | None = None
        self.nano = 0
        self.requests = 0
        self.before = (0, 0)

    def turn(self) -> None:
        """Begin anew where the account has."""
        if self.span != self.account.span:
            self.before = (0, 0) if self.span is not None else (self.account.nano, self.account.requests)
            self.span = self.account.span
            self.nano = self.requests = 0

    @property
    def key(self) -> str:
        """The key of this budget and this span."""
        named = hashlib.sha256(self.account.budget.text.encode()).hexdigest()[:16]
        return f"budget:{named}:{int(self.account.span.start)}"


class SharedBudgets(Watching, Budgets):
    """Budgets whose sums are those of all replicas, while the store is there."""

    def __init__(self, budgets: Iterable[Budget], link: Link, now: Callable[[], float]) -> None:
        Watching.__init__(self)
        Budgets.__init__(self, budgets, now)
        self._link = link
        self._process = os.urandom(8).hex()
        self._own = tuple(_Own(account) for account in self.accounts)
        self._spent = asyncio.Event()

    def add(self, entry: Entry) -> tuple[Standing, ...]:
        """Count a request of this process; see :meth:`copilot_api.ledger.budgets.Budgets.add`."""
        before = [(account.span, account.nano, account.requests) for account in self.accounts]
        crossed = super().add(entry)
        for own, (span, nano, requests) in zip(self._own, before, strict=True):
            account = own.account
            new = account.span != span
            own.turn()
            own.nano += account.nano - (0 if new else nano)
            own.requests += account.requests - (0 if new else requests)
        self._spent.set()
        return crossed

    def start(self) -> None:
        """Look each second, and after each request, until :meth:`close`."""
        for account, own in zip(self.accounts, self._own, strict=True):
            account.turn(self.now())
            own.turn()
        self.begin()

    async def close(self) -> None:
        """Tell the last sums."""
        await self.end()
        with suppress(StoreAway, StoreRefused):
            await self.look()

    async def look(self) -> None:
        """Tell what was spent here, and learn what was spent by all. Raises as :meth:`Link.run` does."""
        for own in self._own:
            account = own.account
            account.turn(self.now())
            own.turn()
            span, told_nano, told_requests = own.span, own.nano, own.requests
            nano, requests = await self._link.run(
                scripts.SPEND,
                own.key,
                self._process,
                told_nano,
                told_requests,
                int(account.span.end),
                *own.before,
            )
            if own.span == span == account.span:
                account.nano = nano + own.nano - told_nano
                account.requests = requests + own.requests - told_requests

    async def watch(self) -> None:
        """Look each second."""
        while True:
            with suppress(StoreAway, StoreRefused):
                await self.look()
            self._spent.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._spent.wait()
            # Requests that end together are told together.
            await asyncio.sleep(LOOK / 20)
