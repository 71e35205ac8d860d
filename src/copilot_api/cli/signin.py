"""Signing in at the terminal: what is shown, in the words of compat.md 2.3."""

from __future__ import annotations

import os
import sys

from copilot_api.cli.console import Console
from copilot_api.engine.client_interfaces import Client
from copilot_api.engine.interfaces import EngineError
from copilot_api.github.account import fetch_login
from copilot_api.github.calls import GitHubRefused
from copilot_api.github.credentials import TokenFile
from copilot_api.github.device_flow import MARGIN, poll_for_token, request_code
from copilot_api.redaction import Secret, one_line
from copilot_api.settings import Settings


class SignInProblem(EngineError):
    """There is no GitHub token; the text is one line for the user."""


class NotSignedIn(SignInProblem):
    """There is no token, and nobody to make one."""

    exit_code = 4
    """What GitHub's own program ends with when signing in is needed."""


async def device_flow(
    client: Client,
    settings: Settings,
    console: Console,
    file: TokenFile,
    *,
    margin: float = MARGIN,
    wanted: bool = False,
) -> Secret:
    """Run the device flow and store the token. Raises :class:`SignInProblem`.

    `wanted`: the user asked for it. Otherwise it is not begun where nobody can enter a code: in CI, or with
    ``--no-sign-in``. A code in the log of a container is read, as it was with 0.7.0.
    """
    if not wanted and not settings.simulate and (not settings.sign_in or _in_ci()):
        raise NotSignedIn(
            "There is no GitHub token: run `copilot-api auth`, or give one by COPILOT_API_GITHUB_TOKEN, "
            "GH_TOKEN or --github-token-file"
        )
    console.info("Not logged in, getting new access token")
    try:
        code = await request_code(client, settings)
        shown = one_line(f'"{code.user_code}" in {code.verification_uri}')
        console.info(f"Please enter the code {shown}")
        token = await poll_for_token(client, settings, code, margin=margin)
    except EngineError as error:
        raise SignInProblem(f"Failed to get GitHub token: {error}") from error
    file.write(token)
    if settings.show_token:
        console.secret(f"GitHub token: {token.reveal()}")
    await greet(client, settings, console, token)
    return token


def _in_ci() -> bool:
    return bool(os.environ.get("CI")) and not sys.stdin.isatty()


async def greet(client: Client, settings: Settings, console: Console, token: Secret) -> None:
    """Say who is signed in. Raises :class:`SignInProblem`."""
    console.hide(token)
    try:
        login = await fetch_login(client, settings, token)
    except EngineError as error:
        raise SignInProblem(f"Failed to get GitHub token: {error}") from error
    console.info(f"Logged in as {one_line(login)}")


async def stored_token(
    client: Client, settings: Settings, console: Console, file: TokenFile
) -> Secret | None:
    """Return the stored token after asking GitHub whose it is; None when there is none to be used.

    A token that GitHub refuses is said to be one; with a terminal the device flow follows, else
    :class:`SignInProblem` names the command (D-R8).
    """
    token = file.read()
    if token is None:
        return None
    if settings.show_token:
        console.secret(f"GitHub token: {token.reveal()}")
    try:
        await greet(client, settings, console, token)
    except SignInProblem as error:
        cause = error.__cause__
        if not isinstance(cause, GitHubRefused) or cause.status != 401:
            raise
        if not sys.stdin.isatty():
            raise SignInProblem(
                "GitHub refused the stored token (it was revoked or has expired): run `copilot-api auth`"
            ) from error
        console.warn("GitHub refused the stored token; signing in again")
        return None
    return token
