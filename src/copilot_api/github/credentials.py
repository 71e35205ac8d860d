"""The token file of 0.7.0 at its old place: private, written whole or not at all (compat.md 1.7; R-07)."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
from pathlib import Path

from copilot_api.redaction import Secret

logger = logging.getLogger("copilot_api.credentials")


class CredentialProblem(Exception):
    """The file cannot be trusted; the text says why and what to do."""


def data_directory(home: Path) -> Path:
    """Return the data directory, the same on every platform as in 0.7.0."""
    return home / ".local" / "share" / "copilot-api"


class TokenFile:
    """The GitHub token on disk."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "github_token"

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
        try:
            text = self.path.read_text(encoding="utf-8").strip()
            facts = self.path.stat()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialProblem(f"the token file {self.path} cannot be read: {error}") from None
        if sys.platform != "win32":
            if facts.st_uid != os.getuid():
                raise CredentialProblem(f"the token file {self.path} belongs to another user; remove it")
            if stat.S_IMODE(facts.st_mode) & 0o077:
                logger.warning("The token file was readable by others; its mode is now 0600")
                with contextlib.suppress(OSError):
                    self.path.chmod(0o600)
        return Secret(text) if text else None

    def write(self, token: Secret) -> bool:
        """Store the token; False when the disk does not take it, which is said once and not fatal (R-53)."""
        try:
            self._write(token.reveal())
        except OSError as error:
            logger.warning(
                "The GitHub token could not be stored (%s): the next start will ask again", error.strerror
            )
            return False
        return True

    def _write(self, text: str) -> None:
        import tempfile

        directory = self.path.parent
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sys.platform != "win32":
            directory.chmod(0o700)
        # mkstemp makes the file 0600 whatever the umask; rename replaces in one step.
        handle, name = tempfile.mkstemp(prefix=".github_token.", dir=directory)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
