"""Whose the account is and who pays for it, from ``GET /copilot_internal/user`` (upstream.md 1.4)."""

from __future__ import annotations

import json
from typing import Any

from copilot_api.records import record

_SEATS = ("business", "enterprise")


@record
class Subscription:
    """What GitHub says of the account; empty is what it does not say."""

    login: str
    plan: str
    sku: str
    organisations: tuple[str, ...]
    token_billed: bool
    """Billed in AI credits, by tokens; otherwise in premium requests."""
    resets: str
    """The date of the quota's next reset."""

    @property
    def unit(self) -> str:
        """In what is billed."""
        return "AI credits, by tokens" if self.token_billed else "premium requests, by the model's multiplier"

    @property
    def payer(self) -> str:
        """Who pays, in words."""
        if self.plan in _SEATS:
            whose = ", ".join(self.organisations)
            return f"the organisation {whose}, by your seat" if whose else "your organisation, by your seat"
        if self.plan == "free" or self.sku.startswith("free"):
            return "nobody: Copilot Free has small allowances"
        return (
            "you, by your own subscription" if self.plan else "the account's plan, which GitHub does not name"
        )


def read_subscription(body: bytes) -> Subscription | None:
    """Read the answer; None when it is no JSON object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    organisations = found.get("organization_login_list")
    named = (
        [each for each in organisations if isinstance(each, str)] if isinstance(organisations, list) else []
    )
    return Subscription(
        _text(found, "login"),
        _text(found, "copilot_plan"),
        _text(found, "access_type_sku"),
        tuple(named),
        found.get("token_based_billing") is True,
        _text(found, "quota_reset_date") or _text(found, "limited_user_reset_date"),
    )


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
