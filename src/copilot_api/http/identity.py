"""Who asks: the one place that reads a client key, for every route (R-09, R-20)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from copilot_api.dashboard.files import OPEN_PATHS
from copilot_api.gateway.errors import NotAllowed, TooManyAttempts
from copilot_api.http.asgi import Request
from copilot_api.keys.attempts import Attempts
from copilot_api.keys.caller import ANYONE, Caller
from copilot_api.keys.ring import KeyRing
from copilot_api.records import record

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    Network = IPv4Network | IPv6Network

logger = logging.getLogger("copilot_api.keys")

UNKNOWN = Caller("", "")
"""Who asks without a key where one is needed, for a page that says little to strangers."""

_OPEN = frozenset({"/", *OPEN_PATHS})
"""They say that the server is up, or are the same everywhere, and tell nothing else (R-20)."""
_LITTLE = ("/health",)
"""Answered without a key, and then they say as much as those."""
_SAME_OWNER = 64
"""Bits of an IPv6 address that a network's owner does not choose."""
_UNIX = "unix"
"""The source of all that comes by a Unix socket."""


@record
class Door:
    """What is needed to know who asks."""

    keys: KeyRing
    attempts: Attempts
    fronts: tuple[Network, ...]
    """Addresses of proxies whose ``X-Forwarded-For`` is believed."""
    behind_unix_front: bool
    """What comes by the Unix socket comes from such a proxy."""
    open_paths: set[str]
    """Answered whatever key is shown; `app` may add pages that are the same in every gateway."""

    @classmethod
    def of(cls, keys: KeyRing, trusted_proxies: tuple[str, ...] = ()) -> Door:
        """Make one; `trusted_proxies` are addresses, networks, or ``unix``."""
        return cls(keys, Attempts(), networks(trusted_proxies), _UNIX in trusted_proxies, {*_OPEN})


def networks(named: tuple[str, ...]) -> tuple[Network, ...]:
    """Return what the names mean. Raises :class:`ValueError`."""
    if not named:
        return ()
    from ipaddress import ip_network

    return tuple(ip_network(name) for name in named if name != _UNIX)


def identify(request: Request, door: Door) -> Caller:
    """Return who asks. Raises :class:`NotAllowed`."""
    keys = door.keys
    if not keys.on:
        return ANYONE
    if request.path in door.open_paths or request.method == "OPTIONS":
        # Browsers ask with OPTIONS, without a key, whether they may send one.
        return UNKNOWN
    given = given_key(request)
    if given is None and request.path in _LITTLE:
        return UNKNOWN
    attempts = door.attempts
    source = source_of(request, door) if attempts or given is not None else ""
    if attempts and (seconds := attempts.pause(source)):
        raise TooManyAttempts(seconds)
    if given is not None:
        caller = keys.find(given)
        if caller is not None:
            return caller
        if not keys.was_good(given) and attempts.failed(source):
            logger.warning("Many wrong keys came from %s: nothing from there is heard for a while", source)
    raise NotAllowed(
        401,
        "a valid key is needed: send it as Authorization: Bearer KEY or x-api-key: KEY",
        code="invalid_api_key",
        headers=(("www-authenticate", "Bearer"),),
    )


def given_key(request: Request) -> str | None:
    """Return the key that a request shows, from the header that its client's kind uses, or the query."""
    scheme, _, value = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.header("x-api-key") or request.header("x-goog-api-key") or request.query("key") or None


def source_of(request: Request, door: Door) -> str:
    """Return what wrong keys are counted by: the address of the peer, or the one that a trusted front names.

    A front appends the address that it saw to the header: the last is its word, the others are anybody's.
    """
    client = request.scope.get("client")
    address = client[0] if client and client[0] else _UNIX
    if (door.fronts or door.behind_unix_front) and _is_front(address, door):
        forwarded = ",".join(request.headers("x-forwarded-for")).rpartition(",")[2].strip()
        address = forwarded or address
    return _owner(address)


def _is_front(address: str, door: Door) -> bool:
    from ipaddress import ip_address

    if address == _UNIX:
        return door.behind_unix_front
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in door.fronts)


def _owner(address: str) -> str:
    if ":" not in address:
        return address[:64]
    from ipaddress import ip_address, ip_network

    try:
        parsed = ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _SAME_OWNER), strict=False))
