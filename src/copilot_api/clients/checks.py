"""Checks that are the same for several clients; each returns findings."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from copilot_api.clients.base import Facts, Finding, Place
from copilot_api.clients.edits.jsonc import NotJson, parse
from copilot_api.http.guard import is_loopback

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def read_text(path: Path) -> str | None:
    """Return a file's text; None when it is not there or not for us to read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def read_json(client: str, path: Path) -> tuple[dict[str, Any], list[Finding]]:
    """Return the object in a file, comments allowed; what cannot be read is a finding."""
    text = read_text(path)
    if text is None or not text.strip():
        return {}, []
    try:
        value = parse(text).value
    except NotJson as problem:
        return {}, [Finding(client, str(path), f"is not JSON: {problem}", "mend that line")]
    return (value if isinstance(value, dict) else {}), []


def read_toml(client: str, path: Path) -> tuple[dict[str, Any], list[Finding]]:
    """Return the tables of a file; what cannot be read is a finding."""
    text = read_text(path)
    if text is None:
        return {}, []
    try:
        return tomllib.loads(text.removeprefix("\ufeff")), []
    except tomllib.TOMLDecodeError as problem:
        return {}, [Finding(client, str(path), f"is not TOML: {problem}", "mend that line")]


def member(values: Any, *names: str) -> Any:
    """Return what stands at a path of members, None where it ends early."""
    for name in names:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def read_env(path: Path) -> dict[str, str]:
    """Return the variables of a ``.env`` file."""
    found = {}
    for line in (read_text(path) or "").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("\"'")
    return found


def split(url: str) -> SplitResult | None:
    """Return the parts of a URL; None for what is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def is_ours(url: str, facts: Facts) -> bool:
    """Tell whether a URL leads to this machine, or to the gateway's own."""
    parts, own = split(url), split(facts.url)
    if parts is None or parts.hostname is None:
        return False
    return is_loopback(parts.hostname) or (own is not None and own.hostname == parts.hostname)


def base_url(
    client: str, where: str, name: str, url: str, facts: Facts, *, versioned: bool
) -> Iterator[Finding]:
    """Check a base URL; `versioned`: the client wants ``/v1`` at its end."""
    parts, own = split(url), split(facts.url)
    if parts is None:
        yield Finding(client, where, f"{name} is no URL: {url}", f"set it to {_right(facts, versioned)}")
        return
    if own is None or not is_ours(url, facts):
        return
    if (parts.port or _usual(parts)) != (own.port or _usual(own)):
        yield Finding(
            client,
            where,
            f"{name} names port {parts.port or _usual(parts)}, and the gateway is at {facts.url}",
            f"set it to {_right(facts, versioned)}",
        )
    elif parts.scheme != own.scheme:
        yield Finding(
            client,
            where,
            f"{name} says {parts.scheme}, and the gateway speaks {own.scheme}",
            f"set it to {_right(facts, versioned)}",
        )
    path = parts.path.rstrip("/")
    if versioned and path != "/v1":
        yield Finding(
            client,
            where,
            f"{name} must end in /v1, and is {url}",
            f"set it to {_right(facts, versioned)}",
        )
    elif not versioned and path:
        yield Finding(
            client,
            where,
            f"{name} ends in {path}, and the client adds /v1 itself",
            f"set it to {_right(facts, versioned)}",
        )


def _right(facts: Facts, versioned: bool) -> str:
    return facts.url + "/v1" * versioned


def _usual(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


def models(client: str, where: str, named: Mapping[str, Any], facts: Facts) -> Iterator[Finding]:
    """Check that each model exists; `named` has what names it, and the name."""
    if facts.knows is None:
        return
    for name, model in named.items():
        if isinstance(model, str) and model and not facts.knows(model):
            yield Finding(
                client,
                where,
                f"{name} is {model}, which the account does not have",
                "take one that `copilot-api models` lists",
            )


def key(client: str, where: str, name: str, value: str | None, facts: Facts) -> Iterator[Finding]:
    """Check that there is a key where the gateway wants one."""
    if facts.key_needed and value in (None, "", "dummy"):
        yield Finding(
            client,
            where,
            f"the gateway wants a key, and {name} holds none",
            "make one with `copilot-api keys add NAME` and set it there",
        )


def proxies(client: str, place: Place, facts: Facts) -> Iterator[Finding]:
    """Check that a proxy of the environment does not get what is meant for this machine."""
    environ = place.environ
    proxy = next((name for each in _PROXIES for name in (each, each.lower()) if environ.get(name)), None)
    own = split(facts.url)
    if proxy is None or own is None or own.hostname is None:
        return
    if own.scheme == "http" and proxy.upper() == "HTTPS_PROXY":
        return
    if not bypasses(environ, own.hostname):
        yield Finding(
            client,
            f"${proxy}",
            f"requests to {own.hostname} go through the proxy, since NO_PROXY does not name it",
            f"export NO_PROXY={no_proxy(environ, own.hostname)}",
        )


def has_proxy(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment names a proxy."""
    return any(environ.get(name) or environ.get(name.lower()) for name in _PROXIES)


def bypasses(environ: Mapping[str, str], host: str) -> bool:
    """Tell whether NO_PROXY keeps a host away from proxies."""
    words = [word.strip().lstrip(".").lower() for word in _no_proxy_words(environ)]
    return any(word == "*" or host == word or host.endswith(f".{word}") for word in words if word)


def no_proxy(environ: Mapping[str, str], host: str) -> str:
    """Return a value of NO_PROXY that has the host, and this machine's names, beside what was there."""
    there = [word.strip() for word in _no_proxy_words(environ) if word.strip()]
    return ",".join(dict.fromkeys((*there, "localhost", "127.0.0.1", host)))


def _no_proxy_words(environ: Mapping[str, str]) -> Iterable[str]:
    return (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(",")


def compact(value: Any) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
