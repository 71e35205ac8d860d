"""Wiring of what replicas share (``--shared``): made by `app` where there is a store, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_api.gateway.errors import StartupError
from copilot_api.keys.store import KeyStore
from copilot_api.redaction import Secret
from copilot_api.shared.answers import SharedAnswers
from copilot_api.shared.budgets import SharedBudgets
from copilot_api.shared.feed import LedgerFeed
from copilot_api.shared.keys import KeyMirror
from copilot_api.shared.limits import Leases, Places, SharedLimiter
from copilot_api.shared.link import Link, StoreRefused

if TYPE_CHECKING:
    from copilot_api.engine.components import Engine
    from copilot_api.engine.interfaces import Limiter
    from copilot_api.gateway.accounting import Accounting
    from copilot_api.keys.caller import Caller
    from copilot_api.ledger.budgets import Budget


class Shared:
    """All that is shared; implements :class:`copilot_api.gateway.limits.KeyLimits`."""

    def __init__(self, url: Secret, engine: Engine) -> None:
        """Connect; a store that is away may come. Raises :class:`StartupError` for one of no use."""
        try:
            import redis as _  # noqa: F401
        except ImportError:
            raise StartupError(
                "--shared needs the package redis: pip install 'copilot-api-gateway[shared]'"
            ) from None
        self.link = Link(url)
        self._engine = engine
        self._leases = Leases(self.link)
        self._budgets: SharedBudgets | None = None
        try:
            self.link.start()
        except StoreRefused as error:
            raise StartupError(f"the shared store cannot be used: {error}") from None

    def for_all(self, interval: float, burst: int, own: Limiter, *, wait: bool) -> Limiter:
        """Return the limiter of ``--rate-limit``; `own` is gone by while the store is away."""
        return SharedLimiter(self.link, "all", interval, burst, own, wait=wait)

    def limiter(self, caller: Caller, rate: int) -> Limiter:
        """Return what keeps a key to so many requests a minute."""
        own = self._engine.make_limiter(60 / rate, False, rate)
        return SharedLimiter(self.link, f"key:{caller.id}", 60 / rate, rate, own)

    def places(self, caller: Caller) -> Places:
        """Return the places of a key that may have only so many."""
        return Places(self.link, self._leases, caller)

    def answers(self, lifetime: float) -> SharedAnswers:
        """Return the answers that are kept by all."""
        return SharedAnswers(self.link, lifetime)

    def make_budgets(self, budgets: Iterable[Budget]) -> SharedBudgets:
        """Return budgets that all spend from; :meth:`start` starts them."""
        self._budgets = SharedBudgets(budgets, self.link, time.time)
        return self._budgets

    async def start(self, accounting: Accounting, directory: Path | None, stack: AsyncExitStack) -> None:
        """Begin to look and to tell, until `stack` is left. What is kept in files needs a data directory."""
        stack.callback(self._leases.close)
        if directory is not None:
            mirror = KeyMirror(self.link, KeyStore(directory))
            await mirror.start()
            stack.push_async_callback(mirror.close)
            if accounting.ledger is not None:
                feed = LedgerFeed(self.link, accounting.ledger, directory)
                feed.start()
                stack.push_async_callback(feed.close)
                accounting.observe(feed.add)
        if self._budgets is not None:
            self._budgets.start()
            stack.push_async_callback(self._budgets.close)

    def close(self) -> None:
        """End the connection, after everything else of it."""
        self.link.close()
