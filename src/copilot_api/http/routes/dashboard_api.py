"""What answers the dashboard's questions, in the shapes that `dashboard/static/views` read."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from copilot_api.dashboard import answers, questions
from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport
from copilot_api.engine.interfaces import EngineError
from copilot_api.gateway.errors import BadRequest, GatewayError
from copilot_api.gateway.failures import ORIGINS
from copilot_api.gateway.model_facts import model_facts
from copilot_api.github.quota import Quota, read
from copilot_api.http.asgi import Request, Response, json_response
from copilot_api.http.routes.dashboard import Sources
from copilot_api.http.watching import Live, Pace
from copilot_api.records import fields
from copilot_api.redaction import redact
from copilot_api.version import VERSION

logger = logging.getLogger("copilot_api.dashboard")

NO_STORE = (("cache-control", "no-store"),)

LONGEST_PROBLEM = 200
QUOTA_AGE = 60.0
"""Seconds that GitHub's answer is shown before it is asked again."""


class DashboardApi:
    """One method a question; each returns a response. Raises :class:`GatewayError`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._quota = _Quota(sources.usage)
        self._pace = Pace(sources.ledger)

    async def about(self, _request: Request) -> Response:
        """Which program."""
        return json_response(200, {"version": VERSION}, NO_STORE)

    async def overview(self, _request: Request) -> Response:
        """What is spent and what is left."""
        return await self._ask(answers.overview, self._sources.standings())

    async def quota(self, _request: Request) -> Response:
        """What GitHub says is left. It may take its time, so that nothing else waits for it."""
        found = await self._quota.read()
        return json_response(200, questions.quota(found, self._quota.problem, time.time()), NO_STORE)

    async def series(self, request: Request) -> Response:
        """What was used hour by hour or day by day."""
        return await self._ask(answers.series, _parameters(request))

    async def requests(self, request: Request) -> Response:
        """Single requests."""
        return await self._ask(answers.requests, _parameters(request))

    async def choices(self, _request: Request) -> Response:
        """What requests can be chosen by."""
        return await self._ask(answers.choices)

    async def failures(self, _request: Request) -> Response:
        """What failed, by class and singly (R-59)."""
        failures = self._sources.failures
        counted = {
            "classes": [
                {"class": kind, "origin": ORIGINS[kind], "count": count}
                for kind, count in failures.counts.items()
            ],
            "retries": dict(failures.retries),
            "calls": failures.calls,
        }
        return await self._ask(answers.failures, counted)

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
        return Live(self._sources, self._pace)

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
        self.problem = ""
        """Why it was not told, at the last try."""
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def read(self) -> Quota | None:
        async with self._lock:
            if time.monotonic() - self._asked >= QUOTA_AGE:
                self._asked = time.monotonic()
                try:
                    self._found = read(await self._fetch())
                    self.problem = "" if self._found else "GitHub's answer cannot be read"
                except (EngineError, GatewayError) as error:
                    logger.info("GitHub does not tell the quota: %s", error)
                    self.problem = redact(str(error))[:LONGEST_PROBLEM]
            return self._found
