"""The token file of 0.7.0 at its old place: private, written whole or not at all (compat.md 1.7; R-07).

Which of several tokens is used is decided in `copilot_api.github.sources` (ADR 0024).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from copilot_api.github.file_lock import locked
from copilot_api.private_files import make_private, remove_leftovers, replace_private
from copilot_api.redaction import Secret

logger = logging.getLogger("copilot_api.credentials")

_READS, _PAUSE = 3, 0.02
"""Times that a file without content is read, and the seconds between: 0.7.0 empties it before it writes."""
_LEFT = 60.0
"""Seconds after which nobody is writing a temporary file any more, locked or not."""


PROFILE = "COPILOT_API_PROFILE"
"""The environment variable that chooses a profile; ``--profile`` sets it, so that children have it too."""
PROFILES = "profiles"
NO_PROFILE = ("", "default")
"""What means the data directory of 0.7.0."""
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


class CredentialProblem(Exception):
    """A credential cannot be used or trusted; the text says why and what to do."""


def data_directory(home: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the data directory of the profile, without one the same on every platform as in 0.7.0.

    Raises :class:`CredentialProblem` for a name that no profile may have.
    """
    directory = home / ".local" / "share" / "copilot-api"
    profile = environ.get(PROFILE, "")
    if profile in NO_PROFILE:
        return directory
    if not _PROFILE_NAME.fullmatch(profile):
        raise CredentialProblem(
            f"a profile cannot be called {profile!r}: take letters, digits, - and _, 32 at most"
        )
    return directory / PROFILES / profile


def token_store(directory: Path, *, in_keyring: bool, host: str | None = None) -> TokenFile:
    """Return where the token for a host is kept, None for github.com. Raises :class:`CredentialProblem`."""
    if not in_keyring:
        return TokenFile(directory, host)
    from copilot_api.github.keyring_token import KeyringToken

    return KeyringToken(directory, host)


def read_token_file(path: str) -> Secret:
    """Return the token of ``--github-token-file``. Raises :class:`CredentialProblem`.

    Its mode is not looked at: mounted secrets have the one that their mount gives them.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CredentialProblem(f"--github-token-file {path} cannot be read: {reason}") from None
    if len(text.split()) != 1:
        what = "holds more than a token" if text else "is empty"
        raise CredentialProblem(f"--github-token-file {path} {what}")
    return Secret(text)


class TokenFile:
    """The GitHub token on disk; processes that share a home write in turns, and the last one wins (R-48).

    A token is sent to no other host than the one it is of: each has a file of its own.
    """

    def __init__(self, directory: Path, host: str | None = None) -> None:
        self.path = directory / (f"github_token@{host}" if host else "github_token")
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

    def look(self) -> Secret | None:
        """Return the stored token and change nothing; errors as :meth:`read`."""
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from None
        return Secret(text) if text else None

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
        return self.path.with_name(f"{self.path.name}.lock")

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
