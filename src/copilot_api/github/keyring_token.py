"""The GitHub token in the keyring of the operating system (``--keyring``; R-07).

By the package `keyring`, an optional one: Keychain on macOS, the Credential Locker on Windows, the Secret
Service on Linux. A token that is still in the file is used, and moves at the next sign-in.
"""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

from copilot_api.github.credentials import PROFILES, CredentialProblem, TokenFile
from copilot_api.redaction import Secret

logger = logging.getLogger("copilot_api.credentials")

SERVICE = "copilot-api"
NAME = "github_token"


class KeyringToken(TokenFile):
    """A token file whose token lies in the keyring. Raises :class:`CredentialProblem` without the package."""

    def __init__(self, directory: Path, host: str | None = None) -> None:
        super().__init__(directory, host)
        # The keyring is one for all profiles, as the directory is not.
        profile = f"{directory.name}/" if directory.parent.name == PROFILES else ""
        self._name = f"{profile}{NAME}{f'@{host}' if host else ''}"
        try:
            self._keyring: Any = import_module("keyring")
        except ImportError:
            raise CredentialProblem(
                "--keyring needs the package keyring: pip install 'copilot-api-gateway[keyring]'"
            ) from None

    @property
    def place(self) -> str:
        """Where the token lies, in words."""
        return "the system's keyring"

    def exists(self) -> bool:
        """Tell whether there is a token, in the keyring or still in the file."""
        try:
            return self._held() is not None or super().exists()
        except CredentialProblem:
            return super().exists()

    def read(self) -> Secret | None:
        """Return the token. Raises :class:`CredentialProblem` when the keyring does not open."""
        held = self._held()
        return super().read() if held is None else Secret(held)

    def look(self) -> Secret | None:
        """Return the token and change nothing. Raises as :meth:`read`."""
        held = self._held()
        return super().look() if held is None else Secret(held)

    def write(self, token: Secret) -> bool:
        """Store the token and take it out of the file; False when the keyring does not take it."""
        try:
            self._keyring.set_password(SERVICE, self._name, token.reveal())
        except Exception as error:
            # Its backends raise what their systems raise, beside KeyringError. The text may quote the token.
            logger.warning(
                "The keyring took nothing (%s): what you sign in with is forgotten at the end",
                type(error).__name__,
            )
            return False
        super().erase()
        return True

    def erase(self) -> bool:
        """Remove the token from both places. Raises :class:`CredentialProblem`."""
        was_there = self._held() is not None
        if was_there:
            try:
                self._keyring.delete_password(SERVICE, self._name)
            except Exception as error:
                raise CredentialProblem(f"the keyring kept the token ({type(error).__name__})") from None
        return super().erase() or was_there

    def _held(self) -> str | None:
        try:
            held: str | None = self._keyring.get_password(SERVICE, self._name)
        except Exception as error:
            raise CredentialProblem(
                f"the keyring cannot be read ({type(error).__name__}): unlock it, or leave out --keyring"
            ) from None
        return held or None
