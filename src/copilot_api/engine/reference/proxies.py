"""Which proxy a URL goes through: the rules of compat.md 2.8 over environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def choose(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy URL for `url`, or None for a direct connection."""
    parts = urlsplit(url)
    scheme, host = parts.scheme, (parts.hostname or "").lower()
    port = parts.port or _DEFAULT_PORTS.get(scheme, 0)
    names = (f"npm_config_{scheme}_proxy", f"{scheme}_proxy", "npm_config_proxy", "all_proxy")
    proxy = next((value for name in names if (value := _look_up(name, environ))), "")
    if not proxy or _excluded(host, port, environ):
        return None
    return proxy if "://" in proxy else f"{scheme}://{proxy}"


def without_credentials(proxy: str) -> str:
    """Return a proxy URL that may be logged."""
    # A password that is not encoded may hold what ends an authority, and what looks like a scheme.
    scheme, found, rest = proxy.partition("://")
    if not found:
        scheme, rest = "", proxy
    address = re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    shown = scheme if re.fullmatch(r"[A-Za-z0-9+.-]*", scheme) else ""
    return f"{shown.lower()}://{address.lower()}"


def _look_up(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name.lower()) or environ.get(name.upper()) or ""


def _excluded(host: str, port: int, environ: Mapping[str, str]) -> bool:
    listed = _look_up("npm_config_no_proxy", environ) or _look_up("no_proxy", environ)
    if listed.strip() == "*":
        return True
    return any(_matches(entry.lower(), host, port) for entry in re.split(r"[,\s]+", listed) if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    found = re.fullmatch(r"(.+):(\d+)", entry)
    if found:
        entry, wanted = found.group(1), int(found.group(2))
        if wanted != port:
            return False
    if entry.startswith("*"):
        return host.endswith(entry[1:])
    if entry.startswith("."):
        return host.endswith(entry)
    return host == entry
