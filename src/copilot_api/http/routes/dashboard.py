"""``/dashboard``: the page, its files, and the way to the questions it asks (R-20).

The files hold nothing of this gateway and need no key: a browser cannot send one while it opens a page. The
questions below ``/dashboard/api`` do; what answers them is imported by the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from copilot_api.dashboard import files
from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport
from copilot_api.gateway.catalog import ModelCatalog
from copilot_api.gateway.errors import NotAllowed
from copilot_api.gateway.failures import Failures
from copilot_api.gateway.running import Running
from copilot_api.http.asgi import PlainResponse, Request, Response
from copilot_api.http.routing import Route, simple
from copilot_api.records import record

if TYPE_CHECKING:
    from copilot_api.http.routes.dashboard_api import DashboardApi
    from copilot_api.ledger.budgets import Standing

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
QUESTIONS = (
    *("about", "quota", "overview", "series", "requests", "choices", "failures", "cache", "models"),
    *("engine", "live"),
)
"""Each is a method of :class:`copilot_api.http.routes.dashboard_api.DashboardApi`."""


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
    failures: Failures
    answers: Callable[[], CacheStatistics] | None
    settings: tuple[tuple[str, str, str], ...]
    """Options that differ from their defaults: name, value, origin."""
    stopping: asyncio.Event
    """Set when the server stops: pages that watch are let go."""


def routes(sources: Sources) -> tuple[Route, ...]:
    """Return the routes."""
    made: list[DashboardApi] = []

    def question(name: str) -> Any:
        async def handle(request: Request, _body: object) -> Response:
            if request.caller.restricted:
                raise NotAllowed(403, "this key has limits, and the dashboard shows what all keys do")
            if not made:
                from copilot_api.http.routes.dashboard_api import DashboardApi

                made.append(DashboardApi(sources))
            answer: Response = await getattr(made[0], name)(request)
            return answer

        return simple(handle)

    questions = (Route("GET", (f"/dashboard/api/{name}",), question(name)) for name in QUESTIONS)
    return (*_file_routes(), *questions)


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
