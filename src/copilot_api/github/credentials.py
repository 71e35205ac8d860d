"""The token file of 0.7.0 at its old place: private, written whole or not at all (compat.md 1.7; R-07)."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from copilot_api.github.file_lock import locked
from copilot_api.private_files import make_private, remove_leftovers, replace_private
from copilot_api.redaction import Secret

logger = logging.getLogger("copilot_api.credentials")

_READS, _PAUSE = 3, 0.02
"""Times that a file without content is read, and the seconds between: 0.7.0 empties it before it writes."""
_LEFT = 60.0
"""Seconds after which nobody is writing a temporary file any more, locked or not."""


class CredentialProblem(Exception):
    """The file cannot be trusted; the text says why and what to do."""


def data_directory(home: Path) -> Path:
    """Return the data directory, the same on every platform as in 0.7.0."""
    return home / ".local" / "share" / "copilot-api"


def token_store(directory: Path, *, in_keyring: bool) -> TokenFile:
    """Return where the token is kept. Raises :class:`CredentialProblem`."""
    if not in_keyring:
        return TokenFile(directory)
    from copilot_api.github.keyring_token import KeyringToken

    return KeyringToken(directory)


class TokenFile:
    """The GitHub token on disk; processes that share a home write in turns, and the last one wins (R-48)."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "github_token"
        self._complained = False

    @property
    def place(self) -> str:
        """Where the token lies, in words."""
        return str(self.path)

    def exists(self) -> bool:
        """Tell whether there is a regular file with a token in it; nothing is created."""
        try:
            return self.path.is_file() and bool(self.path.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError):
            return False

    def read(self) -> Secret | None:
        """Return the stored token, None when there is none; a loose mode is tightened.

        Raises :class:`CredentialProblem` when another user owns the file.
        """
        for attempt in range(_READS):
            if attempt:
                time.sleep(_PAUSE)
            try:
                with self.path.open(encoding="utf-8") as file:
                    self._tighten(os.fstat(file.fileno()))
                    text = file.read().strip()
            except FileNotFoundError:
                return None
            except PermissionError as error:
                # On Windows also while another process replaces it, which passes.
                if attempt == _READS - 1:
                    raise self._unreadable(error) from None
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise self._unreadable(error) from None
            if text:
                return Secret(text)
        return None

    def prepare(self) -> None:
        """Make the directory; say so when nothing can be stored there."""
        try:
            make_private(self.path.parent)
            if not os.access(self.path.parent, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            self.complain(error)

    def write(self, token: Secret) -> bool:
        """Store the token; False when the disk does not take it, which is said and not fatal (R-53)."""
        try:
            self._write(token.reveal())
        except OSError as error:
            self.complain(error)
            return False
        return True

    def complain(self, error: OSError) -> None:
        """Warn, once, that the directory takes nothing."""
        if not self._complained:
            self._complained = True
            logger.warning(
                "Nothing can be stored in %s (%s): the gateway runs, but what you sign in with is forgotten "
                "at its end",
                self.path.parent,
                error.strerror,
            )

    def erase(self) -> bool:
        """Remove the token, and what a killed process left of one; False when there was none.

        Raises :class:`CredentialProblem` when it cannot be removed.
        """
        if not self.path.parent.is_dir():
            return False
        try:
            with locked(self._lock_path):
                remove_leftovers(self.path)
                self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise CredentialProblem(
                f"the token file {self.path} cannot be removed: {error.strerror}"
            ) from None
        return True

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name("github_token.lock")

    def _unreadable(self, error: Exception) -> CredentialProblem:
        return CredentialProblem(f"the token file {self.path} cannot be read: {error}")

    def _tighten(self, facts: os.stat_result) -> None:
        if sys.platform == "win32":
            return
        if facts.st_uid != os.getuid():
            raise CredentialProblem(f"the token file {self.path} belongs to another user; remove it")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            with self._noting("The token file was readable by others; its mode is now 0600"):
                self.path.chmod(0o600)
        directory = self.path.parent
        if stat.S_IMODE(directory.stat().st_mode) & 0o077:
            with self._noting(f"The directory {directory} was open to others; its mode is now 0700"):
                directory.chmod(0o700)

    @contextlib.contextmanager
    def _noting(self, words: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            logger.warning(
                "%s is open to others, and its mode cannot be changed (%s)", self.path, error.strerror
            )
        else:
            logger.warning(words)

    def _write(self, text: str) -> None:
        make_private(self.path.parent)
        with locked(self._lock_path):
            remove_leftovers(self.path, _LEFT)
            replace_private(self.path, text)
