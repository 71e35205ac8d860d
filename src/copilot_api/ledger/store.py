"""The one writer: entries are handed over in memory and written by a thread, once a second.

The request path only appends to a list. ``kill -9`` loses what came after the last write, a second at most.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_api.ledger.entry import Entry

if TYPE_CHECKING:
    from copilot_api.ledger.findings import Finding
    from copilot_api.ledger.writing import Row, Writer

Examine = Callable[[Entry, object, "float | None"], "Finding"]
"""Looks at a request on the ledger's thread: `chain` and `saving` are what :meth:`Ledger.add` was given."""

logger = logging.getLogger("copilot_api.ledger")

INTERVAL = 1.0
"""Seconds between two writes."""
MOST_PENDING = 100_000
"""Entries that wait for the disk; more are counted and dropped (some 40 MB)."""
DAY = 86_400.0
PRUNE_INTERVAL = 3_600.0
LONGEST_FLUSH = 10.0
"""Seconds that the end of the program waits for the disk."""


class Ledger:
    """Keeps entries in a file for `days`, and in `max_bytes` at most. Made once, in `app`.

    Nothing it meets ends a request: what the disk does not take is said once and counted in :attr:`lost`.
    """

    def __init__(
        self,
        path: Path,
        *,
        days: float,
        max_bytes: int,
        now: Callable[[], float] = time.time,
        interval: float = INTERVAL,
    ) -> None:
        self.path = path
        self.examine: Examine | None = None
        """The cache doctor, once there is one."""
        self.written = 0
        self._turned_away = 0  # counted on the event loop
        self._given_up = 0  # counted by the thread
        self._days = days
        self._max_bytes = max_bytes
        self._now = now
        self._interval = interval
        # Both ends are taken by single calls, which threads cannot interrupt.
        self._pending: deque[tuple[Entry, object, float | None]] = deque()
        self._rows: list[Row] = []
        """What the disk did not take yet; the thread's own."""
        self._added = 0
        self._wake = threading.Event()
        self._flushed = threading.Condition()
        self._asleep = False
        self._closing = False
        self._complained = False
        self._thread: threading.Thread | None = None

    @property
    def lost(self) -> int:
        """Entries that were not written."""
        return self._turned_away + self._given_up

    def add(self, entry: Entry, chain: object = None, saving: float | None = None) -> None:
        """Take an entry; called on the event loop, once a request.

        `chain` has the hashes of its prompt, where it was answered; see `engine.prefix_interfaces`. `saving`
        is what each cached token saves.
        """
        self._added += 1
        if len(self._pending) + len(self._rows) >= MOST_PENDING:
            self._turned_away += 1
            return
        self._pending.append((entry, chain, saving))
        if self._asleep:
            self._wake.set()
        if self._thread is None:
            # Not at start: SQLite costs memory that an idle gateway need not have.
            self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
            self._thread.start()

    def flush(self) -> None:
        """Return when all that was added is written, or was given up."""
        thread, added = self._thread, self._added
        if thread is None:
            return
        with self._flushed:
            self._wake.set()
            self._flushed.wait_for(
                lambda: self.written + self.lost >= added or not thread.is_alive(), timeout=LONGEST_FLUSH
            )

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=LONGEST_FLUSH)

    def _run(self) -> None:
        from copilot_api.ledger import writing

        writer: Writer | None = None
        pruned = float("-inf")
        while True:
            closing = self._closing
            try:
                if writer is None:
                    writer = writing.Writer(self.path)
                self._write(writer)
                if self._now() - pruned >= PRUNE_INTERVAL:
                    writer.prune(self._now() - self._days * DAY, self._max_bytes)
                    pruned = self._now()
                self._complained = False
            except writing.FAILURES as error:
                self._complain(error, hopeless=isinstance(error, writing.HOPELESS))
                if writer is not None:
                    writer.close()
                    writer = None
            if closing:
                break
            self._rest()
        if writer is not None:
            writer.close()

    def _rest(self) -> None:
        """Wait for the next write; without anything to write for as long as it takes."""
        self._wake.wait(self._interval)
        self._asleep = True
        # Asked after the flag is up: an entry that came before it is seen here, one after it wakes.
        if not self._pending and not self._closing:
            self._wake.wait()
        self._asleep = False
        self._wake.clear()

    def _write(self, writer: Writer) -> None:
        for _ in range(len(self._pending)):
            self._rows.append(self._row(writer, *self._pending.popleft()))
        if self._rows:
            writer.write(self._rows)
            self.written += len(self._rows)
            self._rows = []
        with self._flushed:
            self._flushed.notify_all()

    def _row(self, writer: Writer, entry: Entry, chain: object, saving: float | None) -> Row:
        if chain is None or self.examine is None:
            return writer.row(entry)
        try:
            return writer.row(entry, self.examine(entry, chain, saving))
        except Exception:
            # One that fails fails again: requests are written without it from now on.
            logger.exception("a request could not be examined")
            self.examine = None
            return writer.row(entry)

    def _complain(self, error: Exception, *, hopeless: bool) -> None:
        if hopeless or self._closing:
            # There is no other try, or none that could end better.
            self._given_up += len(self._pending) + len(self._rows)
            self._pending.clear()
            self._rows = []
        if not self._complained:
            logger.warning("The ledger of spending cannot be written (%s); requests go on without it", error)
            self._complained = True
        with self._flushed:
            self._flushed.notify_all()
