"""What GitHub's and Copilot's refusals mean (upstream.md 1.3, 1.7, 2.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.doctor.findings import Finding, found
from copilot_api.github.calls import message_of

_NO_COPILOT = frozenset(
    {"no_copilot_access", "not_signed_up", "subscription_ended", "expired_coupon", "revoked_coupon"}
)
_TERMS = frozenset({"snippy_not_configured", "terms_not_accepted", "codespaces_demo_inactive"})
_BLOCKED = frozenset(
    {
        "spammy_user",
        "billing_locked",
        "trade_restricted",
        "trade_restricted_country",
        "programmatic_token_generation",
        "go_http_client",
        "access_revoked",
    }
)


def judge_exchange(status: int, data: Any, body: bytes, host: str) -> Finding | None:
    """Return what is wrong with the answer to the token exchange; None when it holds a token."""
    if status == 200 and isinstance(data, dict) and isinstance(data.get("token"), str) and data["token"]:
        return None
    reason = message_of(body) or f"status {status}"
    if status in (403, 429) and "rate limit" in reason.lower():
        return found("rate-limited", f"GitHub says: {reason}")
    if status == 401:
        return found("token-revoked", f"GitHub says: {reason}")
    if status == 404 and isinstance(data, dict):
        return found("no-copilot", "GitHub finds no Copilot at this account or token (404)")
    if status == 403 and isinstance(data, dict):
        return found(_cause_of(data, reason), f"GitHub says: {reason}", fix=_address(data))
    return _elsewhere(status, data, host, reason)


def judge_list(status: int, data: Any, body: bytes, host: str) -> Finding | None:
    """Return what is wrong with the answer to ``GET /models``; None when it is a list."""
    if status == 200 and isinstance(data, dict) and isinstance(data.get("data"), list):
        return None
    reason = message_of(body) or f"status {status}"
    if status in (421, 404):
        return found("copilot-wrong-host", f"{host} answers {status}: {reason}", host)
    if status == 429:
        return found("rate-limited", f"Copilot says: {reason}", check="models")
    if status in (400, 401, 402, 403, 466):
        return found("copilot-refuses", f"Copilot answers {status}: {reason}", host)
    return _elsewhere(status, data, host, reason)


def _elsewhere(status: int, data: Any, host: str, reason: str) -> Finding:
    if status >= 500:
        return found("github-fails", f"it answers {status}: {reason}", host)
    what = "a page" if data is None else "something that is no answer of GitHub's"
    return found("answer-unusable", f"it answers {status} with {what}", host)


def _cause_of(data: dict[str, Any], reason: str) -> str:
    details = data.get("error_details")
    notice = details.get("notification_id") if isinstance(details, dict) else None
    if notice in _NO_COPILOT:
        return "no-copilot"
    if notice in _TERMS or "terms" in reason.lower():
        return "terms-not-accepted"
    return "account-blocked" if notice in _BLOCKED else "copilot-forbidden"


def _address(data: dict[str, Any]) -> str:
    """Return the page that GitHub itself names, if it is one of its own."""
    details = data.get("error_details")
    url = details.get("url") if isinstance(details, dict) else None
    return f"see {url}" if isinstance(url, str) and url.startswith("https://github.com/") else ""
