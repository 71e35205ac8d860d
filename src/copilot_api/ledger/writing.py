"""What the ledger's thread does to the file. Imported there: an idle gateway needs no SQLite in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from copilot_api.ledger import schema
from copilot_api.ledger.entry import COLUMNS, Entry
from copilot_api.ledger.findings import FINDING_COLUMNS, NOTHING, Finding

FAILURES = (sqlite3.Error, OSError, schema.UnknownLedger)
"""What may come of a file."""
HOPELESS = schema.UnknownLedger
"""What no second try cures."""

Row = tuple[object, ...]

_of_entry = attrgetter(*COLUMNS)
_of_finding = attrgetter(*FINDING_COLUMNS)

SHRINK = 0.9
"""A ledger over its size is brought down to this share of it, so that it is not done again at once."""


def row(entry: Entry, finding: Finding = NOTHING) -> Row:
    """Return what :func:`insert` takes."""
    written: Row = _of_entry(entry)
    return written if finding is NOTHING else (*written, *_of_finding(finding))


def insert(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write rows in their order."""
    for length, alike in groupby(rows, len):
        connection.executemany(schema.INSERT[length], alike)


class Writer:
    """The open file."""

    row = staticmethod(row)

    def __init__(self, path: Path) -> None:
        """Raise one of `FAILURES`, as all methods do."""
        self._connection = schema.open_to_write(path)

    def write(self, batch: Sequence[Row]) -> None:
        """Write all of them or none."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            insert(connection, batch)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def prune(self, oldest: float, max_bytes: int) -> None:
        """See :func:`prune`."""
        prune(self._connection, oldest, max_bytes)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def prune(connection: sqlite3.Connection, oldest: float, max_bytes: int) -> int:
    """Delete entries from before `oldest`, then the oldest ones of a file over its size; return how many."""
    deleted = connection.execute("DELETE FROM requests WHERE at < ?", (oldest,)).rowcount
    size = _pages(connection, "page_count") - _pages(connection, "freelist_count")
    page = _pages(connection, "page_size")
    if max_bytes and size * page > max_bytes:
        total: int = connection.execute("SELECT count(*) FROM requests").fetchone()[0]
        surplus = total - int(total * max_bytes * SHRINK / (size * page))
        deleted += connection.execute(
            "DELETE FROM requests WHERE id IN (SELECT id FROM requests ORDER BY at, id LIMIT ?)", (surplus,)
        ).rowcount
    if deleted:
        connection.execute("PRAGMA incremental_vacuum").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return deleted


def _pages(connection: sqlite3.Connection, name: str) -> int:
    found: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return found
