"""Who may ask, and from where: Host, Origin, keys, body type (architecture.md 8; R-02 to R-04, R-09)."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from copilot_api.engine.server_interfaces import GUARD_EXTENSION, AccessGuard
from copilot_api.gateway.errors import BadRequest, NotAllowed
from copilot_api.http.asgi import Request
from copilot_api.http.identity import Door, identify
from copilot_api.keys.ring import KeyRing
from copilot_api.records import fields, record
from copilot_api.settings import Settings

VIEWER_ORIGIN = "https://ericc-ch.github.io"
"""The usage viewer of 0.7.0, a page that reads ``GET /usage`` from another origin (compat.md 2.7)."""
VIEWER_PATH = "/usage"

_LOOPBACK_NAMES = (b"localhost", b"127.0.0.1", b"[::1]")
_FORWARDED = (b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")
"""Sent by a front proxy: whoever asks is somewhere else."""
MOST_SEEN = 64


class Refused(NotAllowed):
    """Refused by the head and the connection alone. Our own server does it in the same words."""


class Owners(Protocol):
    """Tells whose connections are; see :class:`copilot_api.http.peers.Owners`."""

    def is_ours(self, client: tuple[str, int], server: tuple[str, int]) -> bool:
        """Tell whether the client of a connection on this machine is this user or root."""


@record
class Access:
    """What the guard knows of a process: made once, in `app`, and changed by :meth:`adopt` alone."""

    door: Door
    public_hosts: tuple[str, ...]
    origins: tuple[str, ...]
    beyond_loopback: bool
    """Some socket listens on an address that is not loopback."""
    no_auth: bool
    """The user said that whoever reaches the gateway may use it."""
    owners: Owners | None
    """None where the system does not tell."""
    seen: set[tuple[bytes | None, int | None]]
    """Host headers that passed, each with the port it came in by; at most `MOST_SEEN`."""

    @classmethod
    def of(cls, settings: Settings, keys: KeyRing, owners: Owners | None = None) -> Access:
        """Read the settings; `keys` knows all keys."""
        return cls(
            door=Door.of(keys, settings.trusted_proxy),
            public_hosts=tuple(name.lower() for name in settings.public_host),
            origins=settings.cors_origin,
            beyond_loopback=settings.host is not None and not is_loopback(settings.host),
            no_auth=settings.no_auth,
            owners=owners,
            seen=set(),
        )

    def adopt(self, other: Access) -> None:
        """Become equal to `other`: requests that come from now on are judged by what it says (R-54)."""
        for each in fields(Access):
            if each.name == "door":
                continue  # it knows who was wrong lately, and its keys change by themselves
            setattr(self, each.name, getattr(other, each.name))

    @property
    def is_personal(self) -> bool:
        """Whether only the user who runs the gateway may use it: nothing else says who may (R-05)."""
        return not (self.door.keys.on or self.no_auth or self.beyond_loopback)

    def native(self) -> AccessGuard:
        """Return what our own server needs to judge in our stead."""
        return AccessGuard(
            public_hosts=self.public_hosts,
            origins=self.origins,
            viewer=(VIEWER_ORIGIN, VIEWER_PATH),
            beyond_loopback=self.beyond_loopback,
            same_user=self.is_personal and self.owners is not None,
        )


def is_loopback(address: str) -> bool:
    """Tell whether a bind address is this machine only."""
    if address.lower() in ("localhost", "127.0.0.1", "::1"):
        return True
    from ipaddress import ip_address

    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def check(request: Request, access: Access) -> None:
    """Refuse what may not come in, before any body is read; note who asks: `Request.caller`.

    Raises :class:`NotAllowed`, and :class:`Refused` for what our own server judges before.
    """
    judged = request.scope.get("extensions", {}).get(GUARD_EXTENSION)
    if judged is None:
        _check_framing(request)
        _check_host(request, access)
        _check_origin(request, access)
        _check_owner(request, access)
    request.caller = identify(request, access.door)


def check_json(request: Request) -> None:
    """Refuse bodies that are not declared as JSON (R-04); what ``curl -d`` sends passes when no browser did.

    Raises :class:`BadRequest` with status 415.
    """
    packed = (request.header("content-encoding") or "identity").lower()
    if packed != "identity":
        # What is decoded costs more than what was sent; no client packs unless it is told to.
        raise BadRequest(
            415,
            f"the body must not be compressed: send it without Content-Encoding: {packed[:40]}",
            code="content_encoding",
        )
    declared = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if declared == "application/json":
        return
    browser = request.header("origin") is not None or any(
        name.startswith(b"sec-fetch-") for name in request.first
    )
    if declared == "application/x-www-form-urlencoded" and not browser:
        return
    raise BadRequest(
        415, "the body must be JSON: send the header Content-Type: application/json", code="media_type"
    )


def allowed_origin(request: Request, access: Access) -> str | None:
    """Return the request's Origin if its page may read the answer, for ``Access-Control-Allow-Origin``."""
    given = request.first.get(b"origin")
    if given is None:
        return None
    origin = given.decode("latin-1")
    if origin in access.origins or origin in own_origins(request, access):
        return origin
    if origin == VIEWER_ORIGIN and request.path == VIEWER_PATH:
        return origin
    return None


def own_origins(request: Request, access: Access) -> tuple[str, ...]:
    """Return the origins of pages that the gateway itself serves, at the port it listens on."""
    server = request.scope.get("server")
    port = server[1] if server else None
    names = (*(name.decode() for name in _LOOPBACK_NAMES), *access.public_hosts)
    own = () if port is None else tuple(f"http://{name}:{port}" for name in names)
    return own + tuple(f"https://{name}" for name in access.public_hosts)


def from_loopback(request: Request) -> bool:
    """Tell whether the peer is this machine."""
    client = request.scope.get("client")
    return client is not None and is_loopback(client[0])


def may_read_token(request: Request, access: Access) -> bool:
    """Decide ``GET /token`` (architecture.md 8): loopback only, this user or a key, no page.

    With the token one asks Copilot itself: a key that is good for less than everything gives none.
    """
    return (
        from_loopback(request)
        and not access.beyond_loopback
        and (access.door.keys.on or _is_ours(request, access))
        and request.header("origin") is None
        and request.header("sec-fetch-site") in (None, "none", "same-origin")
        and not request.caller.restricted
        and not any(name in request.first for name in _FORWARDED)
    )


def _check_framing(request: Request) -> None:
    """Refuse what uvicorn reads by its Transfer-Encoding, going on behind it (R-12)."""
    if b"transfer-encoding" in request.first and (
        b"content-length" in request.first or request.scope.get("http_version") == "1.0"
    ):
        raise Refused(
            400, "the body may be framed by Content-Length or by Transfer-Encoding alone", code="bad_request"
        )


def _check_host(request: Request, access: Access) -> None:
    if not request.path.startswith("/") and request.path != "*":
        raise Refused(400, "the request target must be a path", code="bad_target")
    server = request.scope.get("server")
    seen = (request.first.get(b"host"), server[1] if server else None)
    if seen in access.seen and not request.has_repeats:
        return
    hosts = [value for name, value in request.scope["headers"] if name == b"host"]
    if len(hosts) != 1 or not hosts[0]:
        raise Refused(400, "one Host header is needed", code="bad_host")
    if not _is_own_host(hosts[0].lower(), seen[1], access):
        raise Refused(
            421,
            "the name in the Host header is not one of this gateway; allow it with --public-host",
            code="bad_host",
        )
    if len(access.seen) < MOST_SEEN:
        access.seen.add(seen)


def _is_own_host(host: bytes, own_port: int | None, access: Access) -> bool:
    name, port = _split_port(host)
    if access.beyond_loopback:
        if name in _LOOPBACK_NAMES or _is_address(name):
            return True
    elif name in _LOOPBACK_NAMES and (port is None or own_port is None or port == b"%d" % own_port):
        return True
    return any(public.encode() in (name, host) for public in access.public_hosts)


def _split_port(host: bytes) -> tuple[bytes, bytes | None]:
    name, colon, port = host.rpartition(b":")
    if colon and port.isdigit() and (b":" not in name or name.endswith(b"]")):
        return name, port
    return host, None


def _is_address(name: bytes) -> bool:
    from ipaddress import IPv4Address, IPv6Address

    try:
        text = name.decode("ascii")
        if text.startswith("[") and text.endswith("]"):
            # The scope of an address is this machine's own matter and never in a URL.
            return "%" not in text and bool(IPv6Address(text[1:-1]).packed)
        return bool(IPv4Address(text).packed)
    except ValueError:
        return False


def _check_origin(request: Request, access: Access) -> None:
    if b"origin" in request.first:
        if allowed_origin(request, access) is None:
            raise Refused(
                403,
                "web pages of this origin may not call the gateway; allow it with --cors-origin",
                code="bad_origin",
            )
    elif request.first.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        raise Refused(403, "requests made by other web pages are refused", code="bad_origin")


def _check_owner(request: Request, access: Access) -> None:
    if access.owners is not None and access.is_personal and not _is_ours(request, access):
        raise Refused(
            403,
            "without a key only the user who runs the gateway may use it; give it one with --api-key",
            code="foreign_user",
        )


def _is_ours(request: Request, access: Access) -> bool:
    judged = request.scope.get("extensions", {}).get(GUARD_EXTENSION)
    if judged is not None and judged["same_user"]:
        return True
    client, server = request.scope.get("client"), request.scope.get("server")
    if client is None:
        # Who may open a Unix socket is said by the mode of its file.
        return True
    if access.owners is None or server is None or not is_loopback(client[0]):
        return False
    return access.owners.is_ours((client[0], client[1]), (server[0], server[1]))


def origin_is_valid(origin: str) -> bool:
    """Tell whether a configured origin is one: scheme and host, no path, never ``*`` or ``null``."""
    try:
        parts = urlsplit(origin)
        _ = parts.port
    except ValueError:
        return False
    return bool(
        parts.scheme in ("http", "https")
        and parts.hostname
        and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    )
