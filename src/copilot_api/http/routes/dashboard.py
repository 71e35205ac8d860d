"""``/dashboard``: the page, its files, and the questions it asks (R-20).

The files hold nothing of this gateway and need no key: a browser cannot send one while it opens a page.
The questions below ``/dashboard/api`` do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from copilot_api.dashboard import files, questions
from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport
from copilot_api.engine.interfaces import EngineError
from copilot_api.gateway.catalog import ModelCatalog
from copilot_api.gateway.errors import BadRequest, GatewayError
from copilot_api.gateway.model_facts import model_facts
from copilot_api.gateway.running import Running
from copilot_api.github.quota import Quota, read
from copilot_api.http.asgi import PlainResponse, Receive, Request, Response, Scope, Send, json_response, start
from copilot_api.http.routing import Route, simple
from copilot_api.ledger.budgets import Standing
from copilot_api.ledger.schema import UnknownLedger, open_to_read
from copilot_api.records import fields, record
from copilot_api.version import VERSION

logger = logging.getLogger("copilot_api.dashboard")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
)
NO_STORE = (("cache-control", "no-store"),)

TICK = 1.0
"""Seconds between two looks at what runs, while a page watches."""
REMINDER = 15.0
"""Seconds after which a page is told the same again, so that nothing between takes the line for dead."""
QUOTA_AGE = 60.0
"""Seconds that GitHub's answer is shown before it is asked again."""


class Watched(Protocol):
    """What the page watches live."""

    @property
    def in_flight(self) -> int:
        """Requests that hold a place."""

    @property
    def waiting(self) -> int:
        """Requests that wait for one."""

    @property
    def places(self) -> int:
        """Requests that may be in flight."""

    def running(self) -> tuple[Running, ...]:
        """The streams that run."""


@record
class Sources:
    """Where the answers come from."""

    ledger: Path | None
    """None where nothing is written."""
    written: Callable[[], tuple[int, int]]
    """Entries written and lost since the start."""
    standings: Callable[[], tuple[Standing, ...]]
    usage: Callable[[], Awaitable[bytes]]
    """Fetches GitHub's answer."""
    catalog: ModelCatalog
    reports: Callable[[], tuple[ComponentReport, ...]]
    watched: Watched
    answers: Callable[[], CacheStatistics] | None
    settings: tuple[tuple[str, str, str], ...]
    """Options that differ from their defaults: name, value, origin."""
    stopping: asyncio.Event
    """Set when the server stops: pages that watch are let go."""


def routes(sources: Sources) -> tuple[Route, ...]:
    """Return the routes."""
    quota = _Quota(sources.usage)

    def ask(question: Callable[[sqlite3.Connection | None, Request], Any]) -> Any:
        async def handle(request: Request, _body: object) -> Response:
            try:
                told = await asyncio.to_thread(
                    _with_ledger, sources.ledger, lambda ledger: question(ledger, request)
                )
            except ValueError as error:
                raise BadRequest(400, str(error), code="bad_question") from None
            return json_response(200, told, NO_STORE)

        return simple(handle)

    async def overview(_request: Request, _body: object) -> Response:
        found, standings = await quota.read(), sources.standings()
        told = await asyncio.to_thread(
            _with_ledger,
            sources.ledger,
            lambda ledger: questions.overview(ledger, found, standings, time.time()),
        )
        return json_response(200, told, NO_STORE)

    async def models(_request: Request, _body: object) -> Response:
        told = {"models": [model_facts(model) for model in sources.catalog.models]}
        return json_response(200, told, NO_STORE)

    async def engine(_request: Request, _body: object) -> Response:
        written, lost = sources.written()
        told = {
            "components": [_component(report) for report in sources.reports()],
            "settings": [
                {"name": name, "value": value, "origin": origin} for name, value, origin in sources.settings
            ],
            "ledger": {"path": str(sources.ledger or "off: --no-ledger"), "written": written, "lost": lost},
        }
        return json_response(200, told, NO_STORE)

    async def about(_request: Request, _body: object) -> Response:
        found = await quota.read()
        account = f"Copilot {found.plan}" if found is not None and found.plan else None
        return json_response(200, {"version": VERSION, "account": account}, NO_STORE)

    async def live(_request: Request, _body: object) -> Response:
        return _Live(sources)

    def cache(ledger: sqlite3.Connection | None, _request: Request) -> Any:
        found = sources.answers
        kept = None if found is None else found()
        counts = (
            None
            if kept is None
            else {each.name: getattr(kept, each.name) for each in fields(CacheStatistics)}
        )
        return questions.cache(ledger, counts, time.time())

    def series(ledger: sqlite3.Connection | None, request: Request) -> Any:
        given = _parameters(request)
        return questions.series(ledger, given.get("axis", "hour"), given.get("by", "model"), time.time())

    def requests(ledger: sqlite3.Connection | None, request: Request) -> Any:
        return questions.requests(ledger, _parameters(request))

    api = "/dashboard/api"
    return (
        *_file_routes(),
        Route("GET", (f"{api}/about",), simple(about)),
        Route("GET", (f"{api}/overview",), simple(overview)),
        Route("GET", (f"{api}/series",), ask(series)),
        Route("GET", (f"{api}/requests",), ask(requests)),
        Route("GET", (f"{api}/cache",), ask(cache)),
        Route("GET", (f"{api}/models",), simple(models)),
        Route("GET", (f"{api}/engine",), simple(engine)),
        Route("GET", (f"{api}/live",), simple(live)),
    )


def _file_routes() -> Iterator[Route]:
    def serve(name: str) -> Any:
        async def handle(request: Request, _body: object) -> Response:
            file = files.read(name)
            headers = (
                ("content-type", file.content_type),
                ("cache-control", "no-cache"),
                ("etag", file.etag),
                *PAGE_HEADERS,
            )
            if request.header("if-none-match") == file.etag:
                return PlainResponse(304, b"", headers[1:])
            return PlainResponse(200, file.content, headers)

        return simple(handle)

    for path, name in files.PATHS.items():
        yield Route("GET", (path,), serve(name))


def _with_ledger(path: Path | None, question: Callable[[sqlite3.Connection | None], Any]) -> Any:
    ledger: sqlite3.Connection | None = None
    try:
        if path is not None:
            ledger = open_to_read(path)
    except (sqlite3.Error, UnknownLedger) as error:
        logger.warning("The ledger cannot be read: %s", error)
    try:
        return question(ledger)
    finally:
        if ledger is not None:
            ledger.close()


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

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send events until the page or the server goes away."""
        headers = (("content-type", "text/event-stream"), ("x-accel-buffering", "no"), *NO_STORE)
        await send(start(200, headers))
        said, told = "", float("-inf")
        stopping = self._sources.stopping
        while not stopping.is_set():
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
