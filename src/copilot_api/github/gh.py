"""The token of GitHub's own program: ``gh auth token`` (``--use-gh``)."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from copilot_api.github.credentials import CredentialProblem
from copilot_api.redaction import Secret

PATIENCE = 10.0
"""Seconds that gh gets; it may have to unlock a keyring."""
_ITS_VARIABLES = ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")


def ask(host: str, environ: Mapping[str, str]) -> Secret:
    """Return the token that gh keeps for a host. Raises :class:`CredentialProblem`."""
    # With one of these gh answers what it holds, and not who is signed in.
    kept = {name: value for name, value in environ.items() if name not in _ITS_VARIABLES}
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours, the host is one of an allow-list
            ["gh", "auth", "token", "--hostname", host],  # noqa: S607 - the user's own gh is meant
            env={**kept, "GH_PROMPT_DISABLED": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise CredentialProblem("--use-gh: the program gh is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CredentialProblem(f"--use-gh: gh does not answer ({type(error).__name__})") from None
    token = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode or len(token.split()) != 1:
        raise CredentialProblem(f"--use-gh: gh has no account at {host}; run `gh auth login`")
    return Secret(token)
