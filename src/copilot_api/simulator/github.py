"""GitHub's side: device flow, user, token exchange, quota (upstream.md 1.2 to 1.4)."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

from copilot_api.simulator.state import State

ACCEPTED = ("ghu_", "gho_", "github_pat_", "ghs_")
"""Kinds of GitHub token that work; the simulator takes any of these kinds."""

POLLS_UNTIL_APPROVED = 2
"""The code approves itself at this poll."""

LOGIN = "octocat-simulated"


def device_code(state: State, url: str) -> dict[str, Any]:
    """Return the answer of ``POST /login/device/code``; the interval is zero, nobody waits for a pretence."""
    code = secrets.token_hex(20)
    state.polls[code] = 0
    return {
        "device_code": code,
        "user_code": f"{secrets.token_hex(2).upper()}-{secrets.token_hex(2).upper()}",
        "verification_uri": f"{url}/login/device",
        "expires_in": 899,
        "interval": 0,
    }


def access_token(state: State, body: bytes) -> dict[str, Any]:
    """Return the verdict of one poll; the HTTP status is always 200."""
    code = _member(body, "device_code")
    if code not in state.polls:
        return {"error": "incorrect_device_code", "error_description": "The device_code is not valid."}
    state.polls[code] += 1
    if state.polls[code] < POLLS_UNTIL_APPROVED:
        return {
            "error": "authorization_pending",
            "error_description": "The authorization request is still pending.",
        }
    del state.polls[code]
    return {"access_token": f"ghu_{secrets.token_hex(18)}", "token_type": "bearer", "scope": ""}


def authorised(authorization: str) -> bool:
    """Tell whether an Authorization header carries a GitHub token that works."""
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() in ("token", "bearer") and token.startswith(ACCEPTED) and len(token) > 8


def user() -> dict[str, Any]:
    """Return ``GET /user``."""
    return {"login": LOGIN, "id": 1, "type": "User", "name": "Simulated Octocat"}


def copilot_token(state: State, url: str) -> dict[str, Any]:
    """Return a fresh Copilot token."""
    token, expires = state.issue_token()
    answer: dict[str, Any] = {
        "chat_enabled": True,
        "endpoints": {"api": url, "telemetry": url},
        "expires_at": expires,
        "individual": True,
        "sku": "monthly_subscriber_quota",
        "token": token,
        "tracking_id": "0" * 32,
    }
    if state.refresh_in is not None:
        answer["refresh_in"] = state.refresh_in
    return answer


def quota(state: State) -> dict[str, Any]:
    """Return ``GET /copilot_internal/user`` for a paid account that has used what was billed here."""

    def snapshot(name: str, entitlement: int, used: int, *, unlimited: bool) -> dict[str, Any]:
        remaining = entitlement - used
        return {
            "entitlement": entitlement,
            "overage_count": 0,
            "overage_permitted": False,
            "percent_remaining": 100.0 if unlimited else round(100 * remaining / entitlement, 1),
            "quota_id": name,
            "quota_remaining": float(remaining),
            "remaining": remaining,
            "unlimited": unlimited,
        }

    used = sum(bill.initiator == "user" for bill in state.billed)
    return {
        "login": LOGIN,
        "copilot_plan": "individual",
        "access_type_sku": "monthly_subscriber_quota",
        "chat_enabled": True,
        "quota_reset_date": _next_month(state.clock()),
        "quota_snapshots": {
            "chat": snapshot("chat", 0, 0, unlimited=True),
            "completions": snapshot("completions", 0, 0, unlimited=True),
            "premium_interactions": snapshot("premium_interactions", 300, used, unlimited=False),
        },
    }


def _next_month(now: float) -> str:
    at = time.gmtime(now)
    return f"{at.tm_year + at.tm_mon // 12}-{at.tm_mon % 12 + 1:02}-01"


def _member(body: bytes, name: str) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return (parse_qs(body.decode("utf-8", "replace")).get(name) or [""])[0]
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
