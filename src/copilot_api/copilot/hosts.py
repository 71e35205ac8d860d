"""Which Copilot host serves an account (compat.md 2.2, upstream.md 2.1), and which hosts may."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from copilot_api.settings import Settings

GENERIC = "https://api.githubcopilot.com"
_SUFFIX = ".githubcopilot.com"
# Parsers of URLs differ in what a backslash, a line feed or a letter beyond ASCII is: nothing of the kind is
# left for them to differ in.
_PLAIN_URL = re.compile(
    r"https://([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8})(?::443)?/?", re.IGNORECASE | re.ASCII
)


def plan_url(account_type: str) -> str:
    """Return the base URL that 0.7.0 used for a plan."""
    return GENERIC if account_type == "individual" else f"https://api.{account_type}{_SUFFIX}"


def tenant(settings: Settings) -> str | None:
    """Return the host of an enterprise with data residency, ``acme.ghe.com``; None for github.com."""
    if settings.github_host:
        return settings.github_host
    host = (urlsplit(settings.github_api_url).hostname or "").removeprefix("api.")
    return host if host.endswith(".ghe.com") else None


def base_url(settings: Settings, named: str | None) -> str:
    """Return the base URL without a trailing slash.

    Order: the setting; the plan the user named; the host in the token answer (`named`), if it is on the
    allow-list (R-10); the generic host. A tenant's tokens stay at the tenant's own host.
    """
    if settings.copilot_url:
        return settings.copilot_url.rstrip("/")
    own = tenant(settings)
    if own is None and settings.account_type != "individual":
        return plan_url(settings.account_type)
    if named and is_allowed(named, settings):
        return named.rstrip("/")
    return GENERIC if own is None else f"https://copilot-api.{own}"


def is_allowed(url: str, settings: Settings) -> bool:
    """Tell whether a URL from a token answer may receive the bearer token."""
    named = _PLAIN_URL.fullmatch(url)
    if named is None:
        return False
    own = tenant(settings)
    host = named[1].lower()
    return host.endswith(_SUFFIX) if own is None else host == f"copilot-api.{own}"
