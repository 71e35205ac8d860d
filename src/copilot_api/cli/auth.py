"""``copilot-api auth``: sign in and store the token, also when one is stored (compat.md 1.5); sign out.

``auth status`` and ``auth explain`` are in `copilot_api.cli.auth_status`.
"""

from __future__ import annotations

import os

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
from copilot_api.cli.signin import device_flow
from copilot_api.configuration import ConfigurationError, load
from copilot_api.engine.client_interfaces import ClientOptions
from copilot_api.engine.flags import build_engine
from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.github.sources import store_of
from copilot_api.settings import Settings

REVOKE = "/settings/apps/authorizations"
"""The page of a GitHub host where its tokens are withdrawn."""
_OTHER_TOKENS = ("COPILOT_API_GITHUB_TOKEN", "COPILOT_API_GITHUB_TOKEN_FILE", "GH_TOKEN")


def run(invocation: Invocation) -> int:
    """Run the sub-command; none is the sign-in of 0.7.0."""
    words = invocation.parsed.positionals
    directory = data_directory(invocation.home)
    configuration = load(invocation.parsed.values, os.environ, directory)
    settings = configuration.settings
    file = store_of(settings, directory)
    if not words:
        return _sign_in(invocation, file, settings)
    if words == ["logout"]:
        return _log_out(invocation, file, settings)
    if words in (["status"], ["explain"]):
        from copilot_api.cli import auth_status

        show = auth_status.status if words == ["status"] else auth_status.explain
        return show(invocation, configuration, file)
    raise ConfigurationError(
        f"there is no `auth {words[0]}`; there are `copilot-api auth`, `copilot-api auth status`, "
        "`copilot-api auth explain` and `copilot-api auth logout`"
    )


def _sign_in(invocation: Invocation, file: TokenFile, settings: Settings) -> int:
    async def sign_in() -> None:
        client = build_engine(settings).make_client(ClientOptions(settings.proxy_env))
        try:
            await device_flow(client, settings, invocation.console, file, wanted=True)
        finally:
            await client.aclose()

    with waiting(invocation.console, "Waiting for GitHub …"):
        run_loop(sign_in())
    if not file.exists():
        return 1
    invocation.console.success(f"GitHub token written to {file.place}")
    return 0


def _log_out(invocation: Invocation, file: TokenFile, settings: Settings) -> int:
    console = invocation.console
    if file.erase():
        console.success(f"Signed out: the token in {file.place} is erased")
        console.info(
            "A gateway that runs keeps its token until it is stopped; to withdraw it at GitHub: "
            f"https://{settings.github_host or 'github.com'}{REVOKE}"
        )
    else:
        console.info("Nobody is signed in: there is no stored token")
    for name in _OTHER_TOKENS:
        if os.environ.get(name):
            console.warn(f"${name} names a token too; unset it, or the next start uses it")
    return 0
