"""``copilot-api check-usage``: the quota in a box (compat.md 1.5; D-B5, D-B6)."""

from __future__ import annotations

import os

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.signin import device_flow, greet, stored_token
from copilot_api.configuration import load
from copilot_api.engine.client_interfaces import ClientOptions
from copilot_api.engine.flags import build_engine
from copilot_api.engine.interfaces import EngineError
from copilot_api.github.account import fetch_usage
from copilot_api.github.credentials import data_directory
from copilot_api.github.quota import Quota, Snapshot, read
from copilot_api.github.sources import given_token, store_of
from copilot_api.redaction import one_line

_QUOTAS = (("Premium", "premium_interactions"), ("Chat", "chat"), ("Completions", "completions"))


def run(invocation: Invocation) -> int:
    """Print the quota of the account, signing in first when there is none."""
    directory = data_directory(invocation.home)
    configuration = load(invocation.parsed.values, os.environ, directory)
    settings, console = configuration.settings, invocation.console
    file, given = store_of(settings, directory), given_token(settings, configuration.origins)

    async def ask() -> bytes:
        client = build_engine(settings).make_client(ClientOptions(settings.proxy_env))
        try:
            token = None if given is None else given.token
            if token is None:
                token = await stored_token(client, settings, console, file)
            else:
                await greet(client, settings, console, token)
            if token is None:
                token = await device_flow(client, settings, console, file)
            try:
                return await fetch_usage(client, settings, token)
            except EngineError as error:
                raise EngineError(f"Failed to fetch Copilot usage: {error}") from error
        finally:
            await client.aclose()

    quota = read(run_loop(ask()))
    if quota is None:
        raise EngineError("Failed to fetch Copilot usage: the answer cannot be read")
    console.box(report(quota))
    return 0


def report(quota: Quota) -> str:
    """Return the lines of the box; what the account does not have is N/A."""
    lines = [
        f"Copilot Usage (plan: {one_line(quota.plan) or 'N/A'})",
        f"Quota resets: {one_line(quota.reset) or 'N/A'}",
        "",
        "Quotas:",
    ]
    lines += [f"  {title}: {_words(quota.of(key))}" for title, key in _QUOTAS]
    return "\n".join(lines)


def _words(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "N/A"
    used, entitlement, left = snapshot.used, snapshot.entitlement, snapshot.percent_remaining
    share = used / entitlement * 100 if entitlement > 0 else 0.0
    rest = "N/A" if left is None else f"{left:.1f}%"
    return f"{used:g}/{entitlement:g} used ({share:.1f}% used, {rest} remaining)"
