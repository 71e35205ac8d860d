"""The ledger opened for one question. Imported by the first: it brings SQLite along."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from copilot_api.dashboard import questions
from copilot_api.github.quota import Quota
from copilot_api.ledger.budgets import Standing
from copilot_api.ledger.schema import UnknownLedger, open_to_read

logger = logging.getLogger("copilot_api.dashboard")


def overview(path: Path | None, quota: Quota | None, standings: tuple[Standing, ...]) -> Any:
    """See :func:`copilot_api.dashboard.questions.overview`."""
    return _asked(path, lambda ledger: questions.overview(ledger, quota, standings, time.time()))


def series(path: Path | None, given: Mapping[str, str]) -> Any:
    """See :func:`copilot_api.dashboard.questions.series`."""
    axis, by = given.get("axis", "hour"), given.get("by", "model")
    return _asked(path, lambda ledger: questions.series(ledger, axis, by, time.time()))


def requests(path: Path | None, given: Mapping[str, str]) -> Any:
    """See :func:`copilot_api.dashboard.questions.requests`."""
    return _asked(path, lambda ledger: questions.requests(ledger, given))


def cache(path: Path | None, kept: Mapping[str, int] | None) -> Any:
    """See :func:`copilot_api.dashboard.questions.cache`."""
    return _asked(path, lambda ledger: questions.cache(ledger, kept, time.time()))


def _asked(path: Path | None, question: Callable[[sqlite3.Connection | None], Any]) -> Any:
    ledger: sqlite3.Connection | None = None
    try:
        if path is not None:
            ledger = open_to_read(path)
    except (sqlite3.Error, UnknownLedger) as error:
        logger.warning("The ledger cannot be read: %s", error)
    try:
        return question(ledger)
    finally:
        if ledger is not None:
            ledger.close()
