"""Wiring of what keeps the spending: ledger, budgets, and what the dashboard asks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_api.gateway.accounting import Accounting, Observer, Watcher
from copilot_api.gateway.errors import StartupError
from copilot_api.ledger.store import Ledger
from copilot_api.settings import Settings

if TYPE_CHECKING:
    from copilot_api.engine.prefix_interfaces import Prefixes
    from copilot_api.gateway.cache_doctor import CacheDoctor
    from copilot_api.ledger.budgets import Budget, Budgets

logger = logging.getLogger("copilot_api.spending")

LEDGER_FILE = "ledger.sqlite"
"""In the data directory."""


def open_accounting(
    settings: Settings,
    directory: Path | None,
    observers: tuple[Observer, ...] = (),
    watchers: tuple[Watcher, ...] = (),
    make_budgets: Callable[[Iterable[Budget]], Budgets] | None = None,
    make_prefixes: Callable[[], Prefixes] | None = None,
) -> Accounting:
    """Return what takes the requests that are over. Without a directory nothing is written.

    `make_budgets` makes those that are not this process's own. With `make_prefixes` the cache doctor looks at
    what goes into the ledger.

    Raises :class:`StartupError` when budgets would begin with a wrong sum.
    """
    ledger = None
    if settings.ledger and directory is not None:
        ledger = Ledger(
            directory / LEDGER_FILE, days=float(settings.ledger_days), max_bytes=settings.ledger_size
        )
    budgets = None
    if settings.budget:
        from copilot_api.ledger.budgets import Budgets, parse

        budgets = (make_budgets or Budgets)(parse(text) for text in settings.budget)
        if ledger is not None:
            _seed(budgets, ledger.path)
    if make_prefixes is None:
        return Accounting(ledger, budgets, observers, watchers)

    def make_doctor() -> CacheDoctor:
        from copilot_api.gateway.cache_doctor import CacheDoctor

        return CacheDoctor(make_prefixes())

    return Accounting(ledger, budgets, observers, watchers, make_doctor)


def _seed(budgets: Budgets, path: Path) -> None:
    """Let budgets begin with what the ledger knows of the time that runs."""
    import sqlite3

    from copilot_api.ledger import reports, schema

    try:
        connection = schema.open_to_read(path)
    except (sqlite3.Error, schema.UnknownLedger) as error:
        raise StartupError(
            f"the ledger {path} cannot be read, and --budget counts on it ({error}); move it away"
        ) from None
    if connection is None:
        return

    def spent(budget: Budget, since: float) -> tuple[int, int]:
        where: dict[str, str | int] = {}
        if budget.key is not None:
            where["key"] = budget.key
        if budget.model is not None:
            where["model"] = budget.model
        return reports.sent(connection, since=since, where=where)

    try:
        budgets.seed(spent)
    finally:
        connection.close()
