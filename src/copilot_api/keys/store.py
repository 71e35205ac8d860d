"""``keys.json`` in the data directory: the keys' hashes, for this user alone."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_api.private_files import make_private, remove_leftovers, replace_private

if TYPE_CHECKING:
    from copilot_api.keys.stored import StoredKey

logger = logging.getLogger("copilot_api.keys")

FILE = "keys.json"
LOCK = "keys.lock"
PATIENCE = 15.0
"""Seconds that another program which changes the file is waited for."""

Identity = tuple[int, int, int]
"""Time of the last change in nanoseconds, size, inode: a file that is renamed over has others each time."""


class KeyFileProblem(Exception):
    """The file cannot be used; the text says where and why, in one line."""


class KeyStore:
    """The file. Several processes may read and change it at once."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._lock = directory / LOCK

    def identity(self) -> Identity | None:
        """Return what tells one state of the file from another; None when there is none."""
        try:
            return _identity(self.path.stat())
        except OSError:
            return None

    def read(self) -> tuple[tuple[StoredKey, ...], Identity | None]:
        """Return the keys, and the identity of what was read; a file that is not there holds none.

        A loose mode is tightened. Raises :class:`KeyFileProblem`.
        """
        try:
            with self.path.open("rb") as file:
                facts = os.fstat(file.fileno())
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return (), None
        except OSError as error:
            raise KeyFileProblem(f"the keys in {self.path} cannot be read: {error.strerror}") from None
        # Loaded where there is a file: most gateways have none.
        from copilot_api.keys.stored import BadKeyText, parse

        self._check_owner(facts)
        try:
            return parse(content.decode("utf-8")), _identity(facts)
        except UnicodeDecodeError as error:
            line, why = content.count(b"\n", 0, error.start) + 1, "no UTF-8"
        except BadKeyText as error:
            line, why = error.line, str(error)
        raise KeyFileProblem(f"the keys in {self.path} cannot be used, line {line}: {why}")

    def change(self, edit: Callable[[tuple[StoredKey, ...]], tuple[StoredKey, ...]]) -> None:
        """Replace the keys by what `edit` makes of them; nobody else changes them meanwhile.

        Raises :class:`KeyFileProblem`, :class:`copilot_api.keys.stored.BadKeyText`, and what `edit` raises.
        """
        from copilot_api.github.file_lock import locked
        from copilot_api.keys.stored import dump, parse

        try:
            make_private(self.path.parent)
            with locked(self._lock, patience=PATIENCE) as held:
                if not held:
                    # Of two who write without it one would undo what the other did, a revocation perhaps.
                    raise KeyFileProblem(f"another program is changing {self.path}: try again")
                keys, _ = self.read()
                text = dump(edit(keys))
                parse(text)  # what cannot be read again must not replace what can
                # Of one who was killed: nobody else writes while the lock is held.
                remove_leftovers(self.path)
                replace_private(self.path, text)
        except OSError as error:
            why = error.strerror or error
            raise KeyFileProblem(f"the keys in {self.path} cannot be changed: {why}") from None

    def _check_owner(self, facts: os.stat_result) -> None:
        if sys.platform == "win32":
            return
        if facts.st_uid != os.getuid():
            raise KeyFileProblem(f"the keys in {self.path} belong to another user: remove the file")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            logger.warning("The file of keys was open to others; its mode is now 0600")
            with suppress(OSError):
                self.path.chmod(0o600)


def _identity(facts: os.stat_result) -> Identity:
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
