"""Captures on disk: a file each, for this user alone, bounded in size and in age; the oldest go first."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from copilot_api.moments import iso
from copilot_api.private_files import make_private, replace_private
from copilot_api.records import record

logger = logging.getLogger("copilot_api.capture")

FORMAT = 1
ON = "on"
DIRECTORY = "capture"
"""In the data directory, where ``--capture on`` keeps them."""
MOST_WAITING = 16
"""Records that wait for the disk; while they do, further requests are not captured."""
PRUNE_INTERVAL = 60.0
"""Seconds between two looks at the age of what is kept, also when nothing comes."""
LAST_WORDS = 10.0

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{3}Z)-([A-Za-z0-9-]{1,80})\.json")

Make = Callable[[], dict[str, Any]]


@record
class Kept:
    """One capture on disk."""

    id: str
    path: Path
    size: int
    at: float
    """Unix seconds."""


def place(named: str | None, directory: Path | None) -> Path:
    """Return where captures are: what ``--capture`` says, ``on`` and nothing are in the data directory."""
    if named and named != ON:
        return Path(named).expanduser()
    return (directory or Path()) / DIRECTORY


class Store:
    """Writes captures by a thread of its own. What the disk does not take is said once (R-53)."""

    def __init__(
        self, directory: Path, *, size: int, age: float, now: Callable[[], float] = time.time
    ) -> None:
        """Raise OSError when there can be no such directory. `size` is in bytes, `age` in seconds."""
        make_private(directory)
        self.directory = directory
        self._size = size
        self._age = age
        self._now = now
        self._queue: SimpleQueue[tuple[float, str, Make] | None] = SimpleQueue()
        self._complained = False
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Tell whether as many wait for the disk as may."""
        return self._queue.qsize() >= MOST_WAITING

    def add(self, at: float, name: str, make: Make) -> None:
        """Have the record that `make` returns written; it is called by the thread."""
        self._queue.put((at, name, make))

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._queue.put(None)
        self._thread.join(LAST_WORDS)

    def _run(self) -> None:
        while True:
            try:
                prune(self.directory, self._size, self._now() - self._age)
            except OSError as error:
                self._complain(error)
            try:
                taken = self._queue.get(timeout=PRUNE_INTERVAL)
            except Empty:
                continue
            if taken is None:
                return
            at, name, make = taken
            # Bodies are let go before the next wait.
            del taken
            try:
                path = self.directory / f"{iso(at).replace('-', '').replace(':', '')}-{name}.json"
                replace_private(path, json.dumps(make(), ensure_ascii=False, separators=(",", ":")))
                self._complained = False
            except OSError as error:
                self._complain(error)
            except Exception as error:
                # Its text may quote a body.
                logger.warning("a request could not be captured: %s", type(error).__name__)
            del make

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            logger.warning("captures cannot be written to %s: %s", self.directory, error.strerror)


def prune(directory: Path, size: int, oldest: float) -> None:
    """Remove what is from before `oldest`, then the oldest ones beyond `size` bytes. Raises OSError."""
    found = sorted(_listed(directory), key=lambda each: each.at)
    surplus = sum(each.size for each in found) - size
    for each in found:
        if each.at < oldest or surplus > 0:
            each.path.unlink(missing_ok=True)
            surplus -= each.size
    for left in directory.glob(".*.json.*"):
        # What killed processes were writing.
        if time.time() - left.stat().st_mtime >= PRUNE_INTERVAL:
            left.unlink(missing_ok=True)


def listed(directory: Path, age: float | None = None) -> list[Kept]:
    """Return what is kept, the newest first; of those no older than `age` seconds."""
    oldest = 0.0 if age is None else time.time() - age
    found = (each for each in _listed(directory) if each.at >= oldest)
    return sorted(found, key=lambda each: each.path.name, reverse=True)


def find(directory: Path, name: str) -> Kept | None:
    """Return the newest capture whose id begins with `name`; ``last`` is the newest of all."""
    return next((each for each in listed(directory) if name == "last" or each.id.startswith(name)), None)


def read(kept: Kept) -> dict[str, Any]:
    """Return a record. Raises OSError and ValueError."""
    value = json.loads(kept.path.read_text(encoding="utf-8"))
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError("it is of another version")
    return value


def _listed(directory: Path) -> Iterator[Kept]:
    try:
        paths = [*directory.iterdir()]
    except FileNotFoundError:
        return
    for path in paths:
        named = _NAME.fullmatch(path.name)
        if named is None:
            continue
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        yield Kept(named[2], path, stat.st_size, stat.st_mtime)
