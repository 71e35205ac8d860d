"""``copilot-api check-usage``: the quota in a box (compat.md 1.5; D-B5, D-B6)."""

from __future__ import annotations

import json
import os
from typing import Any

from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.signin import device_flow, stored_token
from copilot_api.configuration import load
from copilot_api.engine.client_interfaces import ClientOptions
from copilot_api.engine.flags import build_engine
from copilot_api.engine.interfaces import EngineError
from copilot_api.github.account import fetch_usage
from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.redaction import one_line

_QUOTAS = (("Premium", "premium_interactions"), ("Chat", "chat"), ("Completions", "completions"))


def run(invocation: Invocation) -> int:
    """Print the quota of the stored account, signing in first when there is none."""
    directory = data_directory(invocation.home)
    settings = load(invocation.parsed.values, os.environ, directory).settings
    file, console = TokenFile(directory), invocation.console

    async def ask() -> bytes:
        client = build_engine(settings).make_client(ClientOptions(settings.proxy_env))
        try:
            token = await stored_token(client, settings, console, file)
            if token is None:
                token = await device_flow(client, settings, console, file)
            try:
                return await fetch_usage(client, settings, token)
            except EngineError as error:
                raise EngineError(f"Failed to fetch Copilot usage: {error}") from error
        finally:
            await client.aclose()

    try:
        usage = json.loads(run_loop(ask()))
    except (ValueError, RecursionError):
        usage = None
    if not isinstance(usage, dict):
        raise EngineError("Failed to fetch Copilot usage: the answer cannot be read")
    console.box(report(usage))
    return 0


def report(usage: dict[str, Any]) -> str:
    """Return the lines of the box; what the account does not have is N/A."""
    snapshots = usage.get("quota_snapshots")
    snapshots = snapshots if isinstance(snapshots, dict) else _free_plan(usage)
    reset = one_line(str(usage.get("quota_reset_date") or usage.get("limited_user_reset_date") or "N/A"))
    lines = [
        f"Copilot Usage (plan: {one_line(str(usage.get('copilot_plan') or 'N/A'))})",
        f"Quota resets: {reset}",
        "",
        "Quotas:",
    ]
    lines += [f"  {title}: {_quota(snapshots.get(name))}" for title, name in _QUOTAS]
    return "\n".join(lines)


def _quota(snapshot: Any) -> str:
    if not isinstance(snapshot, dict):
        return "N/A"
    entitlement, remaining = _number(snapshot.get("entitlement")), _number(snapshot.get("remaining"))
    if entitlement is None or remaining is None:
        return "N/A"
    used = entitlement - remaining
    share = used / entitlement * 100 if entitlement > 0 else 0.0
    left = _number(snapshot.get("percent_remaining"))
    rest = "N/A" if left is None else f"{left:.1f}%"
    return f"{used:g}/{entitlement:g} used ({share:.1f}% used, {rest} remaining)"


def _free_plan(usage: dict[str, Any]) -> dict[str, Any]:
    """Read the older shape of the free plan (upstream.md 1.4)."""
    left, total = usage.get("limited_user_quotas"), usage.get("monthly_quotas")
    if not isinstance(left, dict) or not isinstance(total, dict):
        return {}
    snapshots = {}
    for name in ("chat", "completions"):
        remaining, entitlement = _number(left.get(name)), _number(total.get(name))
        if remaining is not None and entitlement:
            percent = remaining / entitlement * 100
            snapshots[name] = {
                "entitlement": entitlement,
                "remaining": remaining,
                "percent_remaining": percent,
            }
    return snapshots


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
