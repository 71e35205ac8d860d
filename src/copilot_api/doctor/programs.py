"""The configurations of client programs, looked at against the gateway that they are to use."""

from __future__ import annotations

from pathlib import Path

from copilot_api.clients import client_named, lint
from copilot_api.clients.base import Knows
from copilot_api.doctor.findings import Finding, found, ok, skipped
from copilot_api.doctor.fittings import needs_key
from copilot_api.doctor.situation import Situation
from copilot_api.engine.flags import build_engine
from copilot_api.gateway.catalog import RETRY_AFTER, TIME_TO_LIVE, ModelCatalog
from copilot_api.gateway.resolver import resolve
from copilot_api.http.guard import is_loopback


def programs(situation: Situation, knows: Knows | None) -> list[Finding]:
    """Return what is wrong with what is set up for this gateway; `knows` tells which models it has."""
    settings = situation.settings
    if not settings.port or settings.unix_socket:
        return [skipped("clients", "the gateway's address is not known before it starts")]
    host = settings.host if settings.host and not is_loopback(settings.host) else "localhost"
    host = "localhost" if host in ("0.0.0.0", "::") else host
    url = f"{'https' if settings.tls_certificate else 'http'}://{host}:{settings.port}"
    findings = []
    for each in lint(
        situation.home,
        situation.environ,
        url,
        knows=knows,
        key_needed=needs_key(situation),
        work=Path.cwd(),
    ):
        client = client_named(each.client)
        says = f"{client.title if client else each.client}, {each.where}: {each.text}"
        cause = "client-misconfigured" if each.serious else "client-surprising"
        findings.append(found(cause, says, each.where, fix=each.fix))
    return findings or [ok("clients", f"none is set up wrongly for {url}")]


async def knower(situation: Situation, body: bytes) -> Knows:
    """Return what tells whether a name means a model of the list, the body of ``GET /models``."""

    async def fetch() -> bytes:
        return body

    freshness = build_engine(situation.settings).make_freshness(TIME_TO_LIVE, RETRY_AFTER)
    catalog = ModelCatalog(fetch, freshness)
    await catalog.load()
    aliases = situation.settings.aliases
    return lambda name: resolve(name, catalog, "messages", aliases).model is not None
