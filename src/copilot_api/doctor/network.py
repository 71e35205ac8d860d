"""GitHub and Copilot, asked as the gateway asks them: reachable, and what they say of the account."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from copilot_api.copilot.headers import copilot_headers
from copilot_api.copilot.hosts import base_url, is_allowed
from copilot_api.doctor import hops
from copilot_api.doctor.findings import Finding, found, ok, skipped
from copilot_api.doctor.models import judge_models
from copilot_api.doctor.refusals import judge_exchange, judge_list
from copilot_api.doctor.situation import Situation
from copilot_api.engine.client_interfaces import Client, ClientOptions, Timeouts, UpstreamCall
from copilot_api.engine.flags import build_engine
from copilot_api.engine.interfaces import EngineError, FirstByteTimeout, IdleTimeout
from copilot_api.github.headers import STANDARD, github_headers
from copilot_api.records import record
from copilot_api.redaction import Secret, without

T = TypeVar("T")

SKEW = 300.0
"""Seconds by which a clock may differ before it is told."""
_LIMIT = 16 * 1024 * 1024


@record
class Reply:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def data(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread that nobody waits for at the end: what hangs in the system holds nothing up."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        def unless_given_up() -> None:
            if not done.done():
                set_it()

        with contextlib.suppress(RuntimeError):  # the program has ended without waiting
            loop.call_soon_threadsafe(unless_given_up)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            caught = error
            settle(lambda: done.set_exception(caught))
        else:
            settle(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True, name="doctor").start()
    return await done


class Upstream:
    """GitHub and Copilot through the client that the gateway would use."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.models: bytes | None = None
        """The list that came."""
        self._client: Client = build_engine(situation.settings).make_client(
            ClientOptions(situation.settings.proxy_env)
        )

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def get(self, url: str, headers: tuple[tuple[str, str], ...]) -> Reply:
        """Return the answer. Raises :class:`EngineError`."""
        patience = self.situation.patience
        began = time.monotonic()
        call = UpstreamCall("GET", url, headers, None, Timeouts(patience, patience, patience))
        upstream = await self._client.request(call)
        body = await upstream.read(_LIMIT)
        secret = next((value.rpartition(" ")[2] for name, value in headers if name == "authorization"), "")
        return Reply(
            upstream.status, upstream.headers, without(body, Secret(secret)), time.monotonic() - began
        )

    async def ask(self, url: str, headers: tuple[tuple[str, str], ...]) -> Reply | Finding:
        """Return the answer, or what is in its way."""
        try:
            reply = await self.get(url, headers)
        except EngineError as error:
            return await self._explain(url, error)
        host = urlsplit(url).hostname or ""
        if reply.status == 407:
            return found("proxy-needs-password", "the proxy wants a user and a password (407)", host)
        return reply

    async def _explain(self, url: str, error: EngineError) -> Finding:
        situation, host = self.situation, urlsplit(url).hostname or ""
        if isinstance(error, (FirstByteTimeout, IdleTimeout)):
            return found("host-silent", f"no answer within {situation.patience:g} s", host)
        proxied = situation.settings.proxy_env

        def walk() -> Finding | None:
            return hops.walk(url, situation.environ, proxied=proxied, patience=situation.patience)

        finding = await in_thread(walk)
        return finding or found("connection-lost", str(error), host)


async def examine_network(
    situation: Situation, token: Secret | None, why_none: str
) -> tuple[list[Finding], bytes | None]:
    """Look at the way to GitHub and Copilot, and with a token at what they say of it.

    Returns the list of models too, as it came, where there is one.
    """
    upstream = Upstream(situation)
    try:
        web, rest = await asyncio.gather(
            _reach(upstream, situation.settings.github_url), _account(upstream, token, why_none)
        )
        return [*web, *rest], upstream.models
    finally:
        await upstream.aclose()


def _no_token(why: str) -> list[Finding]:
    return [skipped("account", why), skipped("models", why)]


async def _reach(upstream: Upstream, base: str) -> list[Finding]:
    reply = await upstream.ask(f"{base.rstrip('/')}/", STANDARD)
    if isinstance(reply, Finding):
        return [reply]
    return [ok("network", _reached(reply), urlsplit(base).hostname or "")]


def _reached(reply: Reply) -> str:
    return f"answers within {reply.seconds * 1000:.0f} ms"


async def _account(upstream: Upstream, token: Secret | None, why_none: str) -> list[Finding]:
    situation = upstream.situation
    settings = situation.settings
    base = settings.github_api_url.rstrip("/")
    if token is None:
        reached = await _reach(upstream, base)
        copilot = [] if reached[0].cause else await _reach(upstream, base_url(settings, None))
        return [*reached, *copilot, *_no_token(why_none), skipped("clock", "GitHub was not asked the time")]
    headers = github_headers(token, settings.editor_version)
    reply = await upstream.ask(f"{base}/copilot_internal/v2/token", headers)
    if isinstance(reply, Finding):
        why = "GitHub could not be asked"
        return [reply, *_no_token(why), skipped("clock", why)]
    host = urlsplit(base).hostname or ""
    findings = [ok("network", _reached(reply), host), *_clock(reply)]
    judged = judge_exchange(reply.status, reply.data, reply.body, host)
    if judged is not None:
        copilot = await _reach(upstream, base_url(settings, None))
        return [*findings, *copilot, judged, skipped("models", "there is no Copilot token")]
    grant = reply.data
    findings += _grant(situation, grant)
    return [*findings, *await _models(upstream, Secret(grant["token"]), _named(grant))]


def _named(grant: dict[str, Any]) -> str | None:
    endpoints = grant.get("endpoints")
    api = endpoints.get("api") if isinstance(endpoints, dict) else None
    return api if isinstance(api, str) else None


def _grant(situation: Situation, grant: dict[str, Any]) -> list[Finding]:
    named = _named(grant)
    sku = grant.get("sku")
    findings = [ok("account", f"GitHub gives a Copilot token ({sku if isinstance(sku, str) else 'no sku'})")]
    if named and not situation.settings.copilot_url and not is_allowed(named, situation.settings):
        host = urlsplit(named).hostname or named
        findings.append(found("copilot-host-foreign", f"GitHub names {host} as Copilot's host", host))
    return findings


async def _models(upstream: Upstream, token: Secret, named: str | None) -> list[Finding]:
    situation = upstream.situation
    settings = situation.settings
    base = base_url(settings, named)
    headers = copilot_headers(token, editor_version=settings.editor_version)
    lowered = tuple((name.lower(), value) for name, value in headers)
    reply = await upstream.ask(f"{base}/models", lowered)
    if isinstance(reply, Finding):
        return [reply, skipped("models", "Copilot could not be asked")]
    host = urlsplit(base).hostname or ""
    findings = [ok("network", _reached(reply), host)]
    judged = judge_list(reply.status, reply.data, reply.body, host)
    if judged is not None:
        return [*findings, judged]
    upstream.models = reply.body
    return [*findings, *judge_models(reply.body, reply.data, settings.aliases)]


def _clock(reply: Reply) -> list[Finding]:
    try:
        theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return [skipped("clock", "GitHub did not say the time")]
    difference = time.time() - theirs
    if abs(difference) <= SKEW + reply.seconds:
        return [ok("clock", "agrees with GitHub's")]
    which = "ahead of" if difference > 0 else "behind"
    return [found("clock-wrong", f"this machine is {_span(abs(difference))} {which} GitHub")]


def _span(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
