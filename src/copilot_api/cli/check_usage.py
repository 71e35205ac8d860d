"""``copilot-api check-usage``: the quota in a box (compat.md 1.5; D-B5, D-B6)."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
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
_BAR = 40


def run(invocation: Invocation) -> int:
    """Print the quota of the account, signing in first when there is none."""
    directory = data_directory(invocation.home)
    configuration = load(invocation.parsed.values, os.environ, directory)
    settings, console = configuration.settings, invocation.steps
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

    with waiting(console, "Asking GitHub for the quota …"):
        quota = read(run_loop(ask()))
    if quota is None:
        raise EngineError("Failed to fetch Copilot usage: the answer cannot be read")
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(facts(quota), indent=2))
    else:
        console.box(report(quota, bars=sys.stdout.isatty()))
    return 0


def facts(quota: Quota) -> dict[str, Any]:
    """Return the quota for a program."""
    return {
        "plan": quota.plan or None,
        "reset": quota.reset or None,
        "quotas": {
            each.key: {
                "entitlement": each.entitlement,
                "used": each.used,
                "remaining": each.remaining,
                "percent_remaining": each.percent_remaining,
                "unlimited": each.unlimited,
            }
            for each in quota.snapshots
        },
    }


def report(quota: Quota, *, bars: bool = False) -> str:
    """Return the lines of the box; what the account does not have is N/A. `bars`: a person looks at it."""
    lines = [
        f"Copilot Usage (plan: {one_line(quota.plan) or 'N/A'})",
        f"Quota resets: {one_line(quota.reset) or 'N/A'}",
        "",
        "Quotas:",
    ]
    for title, key in _QUOTAS:
        snapshot = quota.of(key)
        lines.append(f"  {title}: {_words(snapshot)}")
        if bars and snapshot is not None:
            lines.append(f"    {_bar(snapshot)}")
    return "\n".join(lines)


def _bar(snapshot: Snapshot) -> str:
    if snapshot.unlimited or snapshot.entitlement <= 0:
        return "no limit" if snapshot.unlimited else "nothing to use"
    filled = min(max(round(snapshot.used / snapshot.entitlement * _BAR), 0), _BAR)
    return "█" * filled + "░" * (_BAR - filled)


def _words(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "N/A"
    used, entitlement, left = snapshot.used, snapshot.entitlement, snapshot.percent_remaining
    share = used / entitlement * 100 if entitlement > 0 else 0.0
    rest = "N/A" if left is None else f"{left:.1f}%"
    return f"{used:g}/{entitlement:g} used ({share:.1f}% used, {rest} remaining)"
