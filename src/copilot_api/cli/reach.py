"""One line at start: who can reach the gateway, and with what (reliability.md 2)."""

from __future__ import annotations

from copilot_api.http.guard import is_loopback
from copilot_api.keys.ring import KeyRing
from copilot_api.settings import Settings

REMEDY = "make one with `copilot-api keys add NAME`"


def sentence(settings: Settings, keys: KeyRing, *, on_unix_socket: bool, same_user: bool = False) -> str:
    """Return the line. `same_user`: connections of other users of this machine are refused (R-05)."""
    if on_unix_socket:
        return f"Reachable: this user's programs only, by the socket, {_key(keys, 'no key needed')}"
    if settings.host is None or is_loopback(settings.host):
        who = "this machine only" + (", this user only" if same_user and not keys.on else "")
        return f"Reachable: {who}, {_key(keys, 'no key needed')}"
    how = "over TLS" if settings.tls_certificate else "plain HTTP, put TLS in front"
    if keys.on:
        return f"Reachable: everyone on the network who {_has(keys)}; {how}"
    return f"Reachable: ANYONE on the network, without a key (--no-auth), at your expense; {how}"


def _has(keys: KeyRing) -> str:
    count = keys.count
    if not count:
        return "has a key, and none is good now"
    return "has the key" if count == 1 else f"has one of {count} keys"


def _key(keys: KeyRing, without: str) -> str:
    return f"by whoever {_has(keys)}" if keys.on else without


def weak_keys(settings: Settings) -> list[str]:
    """Return a sentence for each key of the options and the key file that can be guessed; none quotes one."""
    from copilot_api.app import client_keys

    keys = client_keys(settings)
    if not keys:
        return []
    # Its patterns take memory that a gateway without such keys has no use for.
    from copilot_api.keys.weakness import weakness

    found = []
    for at, given in enumerate(keys, 1):
        why = weakness(given.key.reveal())
        if why:
            where = "--api-key" if given.name == "option" else "--api-key-file"
            found.append(f"key number {at}, of {where}, {why}: {REMEDY}")
    return found
