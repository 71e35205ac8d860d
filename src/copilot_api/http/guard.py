"""Who may ask, and from where: Host, Origin, keys, body type (architecture.md 8; R-02 to R-04, R-09)."""

from __future__ import annotations

# What `hmac.compare_digest` is; that module brings OpenSSL's hashes with it, 3.6 MB.
from _operator import _compare_digest as compare_digest
from urllib.parse import urlsplit

from copilot_api.gateway.errors import BadRequest, NotAllowed
from copilot_api.http.asgi import Request
from copilot_api.records import record
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

VIEWER_ORIGIN = "https://ericc-ch.github.io"
"""The usage viewer of 0.7.0, a page that reads ``GET /usage`` from another origin (compat.md 2.7)."""

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_FORWARDED = (b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")
"""Sent by a front proxy: whoever asks is somewhere else."""
MOST_SEEN = 64
_OPEN_PATHS = ("/",)
"""Answered without a key: they say that the server is up and nothing else (R-20)."""


@record
class Access:
    """What the guard knows of a process: made once, in `app`."""

    keys: tuple[Secret, ...]
    public_hosts: tuple[str, ...]
    origins: tuple[str, ...]
    beyond_loopback: bool
    """Some socket listens on an address that is not loopback."""
    seen: set[tuple[bytes | None, int | None]]
    """Host headers that passed, each with the port it came in by; at most `MOST_SEEN`."""

    @classmethod
    def of(cls, settings: Settings, keys: tuple[Secret, ...]) -> Access:
        """Read the settings; `keys` holds those of the key file too."""
        return cls(
            keys=keys,
            public_hosts=tuple(name.lower() for name in settings.public_host),
            origins=settings.cors_origin,
            beyond_loopback=settings.host is not None and not is_loopback(settings.host),
            seen=set(),
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
    """Refuse what may not come in, before any body is read.

    Raises :class:`BadRequest` or :class:`NotAllowed`.
    """
    _check_host(request, access)
    _check_origin(request, access)
    if request.path not in _OPEN_PATHS:
        _check_key(request, access)


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
    origin = request.header("origin")
    if origin is None:
        return None
    if origin in access.origins or origin in own_origins(request, access):
        return origin
    if origin == VIEWER_ORIGIN and request.path == "/usage":
        return origin
    return None


def own_origins(request: Request, access: Access) -> tuple[str, ...]:
    """Return the origins of pages that the gateway itself serves, at the port it listens on."""
    server = request.scope.get("server")
    port = server[1] if server else None
    names = (*_LOOPBACK_NAMES, *access.public_hosts)
    return tuple(f"http://{name}:{port}" for name in names) + tuple(
        f"https://{name}" for name in access.public_hosts
    )


def from_loopback(request: Request) -> bool:
    """Tell whether the peer is this machine."""
    client = request.scope.get("client")
    return client is not None and is_loopback(client[0])


def may_read_token(request: Request, access: Access) -> bool:
    """Decide ``GET /token`` (architecture.md 8): loopback only, no page, not beyond loopback."""
    return (
        from_loopback(request)
        and not access.beyond_loopback
        and request.header("origin") is None
        and request.header("sec-fetch-site") in (None, "none", "same-origin")
        and not any(name in request.first for name in _FORWARDED)
    )


def _check_host(request: Request, access: Access) -> None:
    if not request.path.startswith("/") and request.path != "*":
        raise BadRequest(400, "the request target must be a path", code="bad_target")
    server = request.scope.get("server")
    seen = (request.first.get(b"host"), server[1] if server else None)
    if seen in access.seen and not request.has_repeats:
        return
    values = request.headers("host")
    if len(values) != 1 or not values[0]:
        raise BadRequest(400, "one Host header is needed", code="bad_host")
    _check_name(values[0].lower(), seen[1], access)
    if len(access.seen) < MOST_SEEN:
        access.seen.add(seen)


def _check_name(host: str, own_port: int | None, access: Access) -> None:
    name, port = _split_port(host)
    if access.beyond_loopback:
        if name in _LOOPBACK_NAMES or _is_address(name):
            return
    elif name in _LOOPBACK_NAMES and (port is None or own_port is None or port == str(own_port)):
        return
    if name in access.public_hosts or host in access.public_hosts:
        return
    raise NotAllowed(
        421,
        f"the name {name[:100]!r} is not one of this gateway; allow it with --public-host",
        code="bad_host",
    )


def _split_port(host: str) -> tuple[str, str | None]:
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit() and (not name.count(":") or name.endswith("]")):
        return name, port
    return host, None


def _is_address(name: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _check_origin(request: Request, access: Access) -> None:
    if b"origin" in request.first:
        if allowed_origin(request, access) is None:
            raise NotAllowed(
                403,
                "web pages of this origin may not call the gateway; allow it with --cors-origin",
                code="bad_origin",
            )
    elif request.first.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        raise NotAllowed(403, "requests made by other web pages are refused", code="bad_origin")


def _check_key(request: Request, access: Access) -> None:
    if not access.keys:
        return
    given = _given_key(request)
    if given is not None:
        encoded = given.encode("utf-8", "replace")
        # All keys are compared, so that the time says nothing about which one is near.
        matches = [compare_digest(encoded, key.reveal().encode()) for key in access.keys]
        if any(matches):
            return
    raise NotAllowed(
        401,
        "a valid key is needed: send it as Authorization: Bearer KEY or x-api-key: KEY",
        code="invalid_api_key",
        headers=(("www-authenticate", "Bearer"),),
    )


def shown_key(request: Request, access: Access) -> str:
    """Return the key that :func:`check` accepted; empty where no key is configured."""
    return (_given_key(request) or "") if access.keys else ""


def _given_key(request: Request) -> str | None:
    scheme, _, value = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.header("x-api-key") or request.header("x-goog-api-key") or request.query("key") or None


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
