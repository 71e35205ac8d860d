"""The ledger's database: one table, made and brought up to date here.

Version 2 added what the cache doctor finds. A ledger of version 1 is brought up to date by the first process
that writes; to those who only read it looks as if nothing had been found.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from copilot_api.ledger.entry import COLUMNS
from copilot_api.ledger.findings import FINDING_COLUMNS
from copilot_api.private_files import make_private

VERSION = 2
BUSY_SECONDS = 5.0
"""How long one process waits while another writes; writes take milliseconds."""

TYPES = {
    "at": "REAL NOT NULL",
    "request_id": "TEXT NOT NULL",
    "dialect": "TEXT NOT NULL",
    "leg": "TEXT NOT NULL",
    "asked": "TEXT NOT NULL",
    "model": "TEXT NOT NULL",
    "client": "TEXT NOT NULL",
    "key": "TEXT NOT NULL",
    "session": "TEXT NOT NULL",
    "initiator": "TEXT NOT NULL",
    "reason": "TEXT NOT NULL",
    "streamed": "INTEGER NOT NULL",
    "status": "INTEGER NOT NULL",
    "outcome": "TEXT NOT NULL",
    "attempts": "INTEGER NOT NULL",
    "input_tokens": "INTEGER",
    "cached_tokens": "INTEGER",
    "cache_write_tokens": "INTEGER",
    "output_tokens": "INTEGER",
    "reasoning_tokens": "INTEGER",
    "nano_aiu": "INTEGER",
    "multiplier": "REAL",
    "first_byte_ms": "REAL",
    "duration_ms": "REAL NOT NULL",
    "bytes_in": "INTEGER NOT NULL",
    "bytes_out": "INTEGER NOT NULL",
    "rewrites": "TEXT NOT NULL",
}
"""Of the columns of version 1."""
_FINDING_TYPES = {
    "cache_cause": "TEXT NOT NULL DEFAULT ''",
    "cache_path": "TEXT NOT NULL DEFAULT ''",
    "cache_lost": "INTEGER",
    "cache_lost_nano": "INTEGER",
    "cache_gap": "REAL",
}
"""Since version 2."""
_WRITTEN = (*COLUMNS, *FINDING_COLUMNS)


def _insert(columns: tuple[str, ...]) -> str:
    return f"INSERT INTO requests ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


INSERT = {len(columns): _insert(columns) for columns in (COLUMNS, _WRITTEN)}
"""By the length of what is written: most requests have no finding, and each column costs time."""


class UnknownLedger(Exception):
    """The file is of a newer program, or no ledger. The text says which."""


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the ledger, made when it is not there: mode 0600, write-ahead log.

    Raises :class:`UnknownLedger`, ``sqlite3.Error`` and ``OSError``.
    """
    make_private(path.parent)
    # Made here, so that its mode is right whatever the umask; SQLite gives its other files the same one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with contextlib.suppress(OSError):
        path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit outlives a killed process; only a machine that loses power may lose the last ones.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -512")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """Open the ledger for questions; None when there is none yet. Raises as :func:`open_to_write`."""
    if not path.is_file():
        return None
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    try:
        found = _version(connection)
        if found == 0:
            connection.close()
            return None
        _check(found)
        if found == 1:
            nothing = ", ".join(f"{_default(kind)} AS {name}" for name, kind in _FINDING_TYPES.items())
            connection.execute(f"CREATE TEMP VIEW requests AS SELECT *, {nothing} FROM main.requests")  # noqa: S608
    except BaseException:
        connection.close()
        raise
    return connection


def _default(kind: str) -> str:
    return kind.rpartition(" DEFAULT ")[2] if " DEFAULT " in kind else "NULL"


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def _check(found: int) -> None:
    if not 1 <= found <= VERSION:
        raise UnknownLedger(f"the ledger has version {found}, this program reads 1 to {VERSION}")


def _prepare(connection: sqlite3.Connection) -> None:
    if _version(connection) == VERSION:
        return
    # Two processes may start at once on a new file: who comes second finds the work done.
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        if found == 0:
            types = TYPES | _FINDING_TYPES
            columns = ", ".join(f"{name} {types[name]}" for name in _WRITTEN)
            connection.execute(f"CREATE TABLE requests (id INTEGER PRIMARY KEY, {columns})")
            connection.execute("CREATE INDEX requests_at ON requests (at)")
        else:
            _check(found)
            if found == 1:
                for name, kind in _FINDING_TYPES.items():
                    connection.execute(f"ALTER TABLE requests ADD COLUMN {name} {kind}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
