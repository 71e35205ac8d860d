"""What answers the dashboard's questions, in the shapes that `dashboard/static/views` read."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from copilot_api.dashboard import answers
from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport
from copilot_api.engine.interfaces import EngineError
from copilot_api.gateway.errors import BadRequest, GatewayError
from copilot_api.gateway.model_facts import model_facts
from copilot_api.github.quota import Quota, read
from copilot_api.http.asgi import Receive, Request, Response, Scope, Send, json_response, start
from copilot_api.http.routes.dashboard import Sources
from copilot_api.records import fields
from copilot_api.version import VERSION

logger = logging.getLogger("copilot_api.dashboard")

NO_STORE = (("cache-control", "no-store"),)

TICK = 1.0
"""Seconds between two looks at what runs, while a page watches."""
REMINDER = 15.0
"""Seconds after which a page is told the same again, so that nothing between takes the line for dead."""
QUOTA_AGE = 60.0
"""Seconds that GitHub's answer is shown before it is asked again."""


class DashboardApi:
    """One method a question; each returns a response. Raises :class:`GatewayError`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._quota = _Quota(sources.usage)

    async def about(self, _request: Request) -> Response:
        """Which program and whose account."""
        found = await self._quota.read()
        account = f"Copilot {found.plan}" if found is not None and found.plan else None
        return json_response(200, {"version": VERSION, "account": account}, NO_STORE)

    async def overview(self, _request: Request) -> Response:
        """What is spent and what is left."""
        return await self._ask(answers.overview, await self._quota.read(), self._sources.standings())

    async def series(self, request: Request) -> Response:
        """What was used hour by hour or day by day."""
        return await self._ask(answers.series, _parameters(request))

    async def requests(self, request: Request) -> Response:
        """Single requests."""
        return await self._ask(answers.requests, _parameters(request))

    async def cache(self, _request: Request) -> Response:
        """How well prompt caches do, and the gateway's own of answers."""
        if self._sources.answers is None:
            return await self._ask(answers.cache, None)
        kept = self._sources.answers()
        counts = {each.name: getattr(kept, each.name) for each in fields(CacheStatistics)}
        return await self._ask(answers.cache, counts)

    async def models(self, _request: Request) -> Response:
        """What the account may use."""
        told = {"models": [model_facts(model) for model in self._sources.catalog.models]}
        return json_response(200, told, NO_STORE)

    async def engine(self, _request: Request) -> Response:
        """What runs, and by which settings."""
        sources = self._sources
        written, lost = sources.written()
        told = {
            "components": [_component(report) for report in sources.reports()],
            "settings": [
                {"name": name, "value": value, "origin": origin} for name, value, origin in sources.settings
            ],
            "ledger": {"path": str(sources.ledger or "off: --no-ledger"), "written": written, "lost": lost},
        }
        return json_response(200, told, NO_STORE)

    async def live(self, _request: Request) -> Response:
        """What runs now, told as it changes."""
        return _Live(self._sources)

    async def _ask(self, question: Callable[..., Any], *given: object) -> Response:
        try:
            told = await asyncio.to_thread(question, self._sources.ledger, *given)
        except ValueError as error:
            raise BadRequest(400, str(error), code="bad_question") from None
        return json_response(200, told, NO_STORE)


def _parameters(request: Request) -> dict[str, str]:
    query: bytes = request.scope.get("query_string", b"")
    return dict(parse_qsl(query.decode("latin-1"), max_num_fields=50))


def _component(report: ComponentReport) -> dict[str, Any]:
    calls = sum(each[0] for each in report.timings.values())
    return {
        "name": report.state.name,
        "implementation": report.state.implementation,
        "reason": report.state.reason,
        "failures": report.failures,
        "differences": report.differences,
        "calls": calls,
        "seconds": sum(each[1] for each in report.timings.values()),
        "longest": max((each[2] for each in report.timings.values()), default=0.0),
    }


class _Quota:
    """GitHub's answer, asked at most once a minute however many pages look."""

    def __init__(self, fetch: Callable[[], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._found: Quota | None = None
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def read(self) -> Quota | None:
        async with self._lock:
            if time.monotonic() - self._asked >= QUOTA_AGE:
                self._asked = time.monotonic()
                try:
                    self._found = read(await self._fetch())
                except (EngineError, GatewayError) as error:
                    logger.info("GitHub does not tell the quota: %s", error)
            return self._found


class _Live:
    """Server-sent events of what runs: one when something changed, looked at once a second."""

    status = 200

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._before: Mapping[int, int] = {}
        self._looked = time.monotonic()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send events until the page or the server goes away."""
        headers = (("content-type", "text/event-stream"), ("x-accel-buffering", "no"), *NO_STORE)
        await send(start(200, headers))
        said, told = "", float("-inf")
        stopping = self._sources.stopping
        while not stopping.is_set() and scope["method"] != "HEAD":
            state = json.dumps(self._state(), separators=(",", ":"))
            if state != said or time.monotonic() - told >= REMINDER:
                said, told = state, time.monotonic()
                event = f"data: {state}\n\n".encode()
                await send({"type": "http.response.body", "body": event, "more_body": True})
            try:
                async with asyncio.timeout(TICK):
                    await stopping.wait()
            except TimeoutError:
                continue
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _state(self) -> dict[str, Any]:
        watched = self._sources.watched
        streams = watched.running()
        now = time.monotonic()
        passed, self._looked = max(now - self._looked, 1e-3), now
        before, self._before = self._before, {each.number: each.events for each in streams}
        return {
            "in_flight": watched.in_flight,
            "waiting": watched.waiting,
            "places": watched.places,
            "streams": [
                {
                    "model": each.model,
                    "client": each.client,
                    "key": each.key,
                    "age_ms": round(each.age_ms),
                    "silent_ms": round(each.silent_ms),
                    "events": each.events,
                    "rate": round((each.events - before.get(each.number, 0)) / passed, 1),
                    "bytes": each.bytes,
                }
                for each in streams
            ],
        }
