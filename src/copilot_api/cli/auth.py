"""``copilot-api auth``: sign in and store the token, also when one is stored (compat.md 1.5)."""

from __future__ import annotations

import os

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.signin import device_flow
from copilot_api.configuration import load
from copilot_api.engine.client_interfaces import ClientOptions
from copilot_api.engine.flags import build_engine
from copilot_api.github.credentials import TokenFile, data_directory


def run(invocation: Invocation) -> int:
    """Run the device flow."""
    directory = data_directory(invocation.home)
    settings = load(invocation.parsed.values, os.environ, directory).settings
    file = TokenFile(directory)

    async def sign_in() -> None:
        client = build_engine(settings).make_client(ClientOptions(settings.proxy_env))
        try:
            await device_flow(client, settings, invocation.console, file)
        finally:
            await client.aclose()

    run_loop(sign_in())
    if not file.exists():
        return 1
    invocation.console.success(f"GitHub token written to {file.path}")
    return 0
