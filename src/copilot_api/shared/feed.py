"""The ledger of all replicas: each writes its requests into a stream, and reads those of the others.

So every replica's ledger, `usage` and dashboard know of all. An entry is written by its own replica at once;
the others have it a second later. The stream keeps the latest entries only, which is what a replica that was
away can catch up with.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections import deque
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot_api.ledger.entry import COLUMNS, Entry
from copilot_api.private_files import make_private, replace_private
from copilot_api.shared.link import PREFIX, Link, StoreAway, StoreRefused
from copilot_api.shared.watching import Watching

if TYPE_CHECKING:
    from copilot_api.ledger.store import Ledger

logger = logging.getLogger("copilot_api.ledger")

KEY = PREFIX + "ledger"
LOOK = 1.0
LENGTH = 200_000
"""Entries that the stream keeps, some 100 MB; about so many, which is quicker than exactly."""
BATCH = 500
MOST_WAITING = 100_000
"""Entries that wait for a store that is away; then the oldest are not told to the others."""
STATE = "shared.json"


class LedgerFeed(Watching):
    """Tells and learns. Made once, in `app`, where there is a ledger."""

    def __init__(self, link: Link, ledger: Ledger, directory: Path) -> None:
        super().__init__()
        self._link = link
        self._ledger = ledger
        self._path = directory / STATE
        self._replica, self._cursor = _state(self._path)
        # Grows over restarts too: who reads knows what it has read of each replica.
        self._number = time.time_ns()
        self._waiting: deque[tuple[int, Entry]] = deque(maxlen=MOST_WAITING)
        self._read: dict[str, int] = {}
        self._fresh = True
        self._complained = False

    def add(self, entry: Entry) -> None:
        """Tell an entry of this replica; an :data:`copilot_api.gateway.accounting.Observer`."""
        self._number += 1
        self._waiting.append((self._number, entry))

    def start(self) -> None:
        """Tell and learn each second until :meth:`close`."""
        self._keep_state()
        self.begin()

    async def close(self) -> None:
        """Tell what is left."""
        await self.end()
        with suppress(StoreAway, StoreRefused):
            await self.tell()

    async def tell(self) -> None:
        """Tell what waits. Raises as :meth:`Link.ask` does; what was not told waits on."""
        while self._waiting:
            number, entry = self._waiting[0]
            text = json.dumps([getattr(entry, name) for name in COLUMNS])
            await self._link.ask(
                *("XADD", KEY, "MAXLEN", "~", LENGTH, "*"),
                *("replica", self._replica, "number", number, "names", ",".join(COLUMNS), "entry", text),
            )
            if self._waiting and self._waiting[0][0] == number:
                self._waiting.popleft()

    async def learn(self) -> None:
        """Write what the others told into this replica's ledger. Raises as :meth:`Link.ask` does."""
        while True:
            streams = await self._link.ask("XREAD", "COUNT", BATCH, "STREAMS", KEY, self._cursor)
            found = _entries(streams)
            for at, fields in found:
                self._take(fields)
                self._cursor = at
            if found:
                # After the entries: what a kill leaves unsaid here is read again, and known.
                await asyncio.to_thread(self._ledger.flush)
                self._keep_state()
            if len(found) < BATCH:
                self._fresh = False
                return

    def _take(self, fields: dict[str, str]) -> None:
        replica = fields.get("replica", "")
        try:
            number = int(fields.get("number", ""))
            values = dict(zip(fields["names"].split(","), json.loads(fields["entry"]), strict=True))
            entry = Entry(**{name: values[name] for name in COLUMNS if name in values})
        except (KeyError, TypeError, ValueError) as error:
            logger.debug("an entry of the shared ledger was passed over: %s", type(error).__name__)
            return
        if replica == self._replica or number <= self._read.get(replica, 0):
            return
        self._read[replica] = number
        if self._fresh and _is_known(self._ledger.path, entry):
            return
        self._ledger.add(entry)

    def _keep_state(self) -> None:
        try:
            make_private(self._path.parent)
            replace_private(self._path, json.dumps({"replica": self._replica, "cursor": self._cursor}) + "\n")
        except OSError as error:
            if not self._complained:
                logger.warning("%s cannot be written (%s)", self._path, error.strerror)
                self._complained = True

    async def watch(self) -> None:
        """Look each second."""
        while True:
            with suppress(StoreAway, StoreRefused):
                await self.tell()
                await self.learn()
            await asyncio.sleep(LOOK)


def _state(path: Path) -> tuple[str, str]:
    """Return the name of this replica and the last entry that it has read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return str(kept["replica"]), str(kept["cursor"])
    except (OSError, ValueError, KeyError, TypeError):
        return os.urandom(8).hex(), "0-0"


def _entries(streams: Any) -> list[tuple[str, dict[str, str]]]:
    """Return what ``XREAD`` found in the one stream."""
    found = streams[0][1] if streams else []
    return [
        (_word(at), {_word(name): _word(value) for name, value in fields.items()}) for at, fields in found
    ]


def _word(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_known(path: Path, entry: Entry) -> bool:
    import sqlite3

    from copilot_api.ledger import schema

    try:
        connection = schema.open_to_read(path)
        if connection is None:
            return False
        with closing(connection):
            query = "SELECT 1 FROM requests WHERE request_id = ? AND at = ? LIMIT 1"
            return connection.execute(query, (entry.request_id, entry.at)).fetchone() is not None
    except (sqlite3.Error, schema.UnknownLedger):
        return False
