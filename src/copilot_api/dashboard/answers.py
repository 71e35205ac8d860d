"""The ledger opened for one question. Imported by the first: it brings SQLite along."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from copilot_api.dashboard import questions
from copilot_api.ledger.budgets import Standing
from copilot_api.ledger.schema import UnknownLedger, open_to_read

logger = logging.getLogger("copilot_api.dashboard")


def overview(path: Path | None, standings: tuple[Standing, ...]) -> Any:
    """See :func:`copilot_api.dashboard.questions.overview`."""
    return _asked(path, lambda ledger: questions.overview(ledger, standings, time.time()))


def series(path: Path | None, given: Mapping[str, str]) -> Any:
    """See :func:`copilot_api.dashboard.questions.series`."""
    axis, by = given.get("axis", "hour"), given.get("by", "model")
    return _asked(path, lambda ledger: questions.series(ledger, axis, by, time.time()))


def requests(path: Path | None, given: Mapping[str, str]) -> Any:
    """See :func:`copilot_api.dashboard.questions.requests`."""
    return _asked(path, lambda ledger: questions.requests(ledger, given, time.time()))


def choices(path: Path | None) -> Any:
    """See :func:`copilot_api.dashboard.questions.choices`."""
    return _asked(path, lambda ledger: questions.choices(ledger, time.time()))


def failures(path: Path | None, counted: Mapping[str, Any]) -> Any:
    """See :func:`copilot_api.dashboard.questions.failures`."""
    return _asked(path, lambda ledger: questions.failures(ledger, counted, time.time()))


def tokens_per_byte(path: Path | None) -> dict[tuple[str, str], float]:
    """See :func:`copilot_api.dashboard.questions.tokens_per_byte`."""
    try:
        with _opened(path) as (ledger, _):
            return questions.tokens_per_byte(ledger, time.time())
    except sqlite3.Error as error:
        logger.warning("The ledger cannot be read: %s", error)
        return {}


def cache(path: Path | None, kept: Mapping[str, int] | None) -> Any:
    """See :func:`copilot_api.dashboard.questions.cache`."""
    return _asked(path, lambda ledger: questions.cache(ledger, kept, time.time()))


def _asked(path: Path | None, question: Callable[[sqlite3.Connection | None], dict[str, Any]]) -> Any:
    with _opened(path) as (ledger, state):
        return {"ledger": state, **question(ledger)}


@contextmanager
def _opened(path: Path | None) -> Iterator[tuple[sqlite3.Connection | None, str]]:
    """Give the ledger and how it is: ``on``, ``off`` or ``unreadable``."""
    ledger, state = None, "on"
    if path is None:
        state = "off"
    else:
        try:
            ledger = open_to_read(path)
        except (sqlite3.Error, UnknownLedger) as error:
            logger.warning("The ledger cannot be read: %s", error)
            state = "unreadable"
    try:
        yield ledger, state
    finally:
        if ledger is not None:
            ledger.close()
