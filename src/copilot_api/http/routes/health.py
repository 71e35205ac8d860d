"""``/health``: whether the gateway works and what runs in it; ``/metrics``: the same for Prometheus.

Where a key is needed, who shows none learns from ``/health`` that the gateway is up, and nothing else (R-20).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport
from copilot_api.gateway.errors import NotAllowed
from copilot_api.gateway.failures import Failures
from copilot_api.gateway.metrics import Metrics
from copilot_api.http.asgi import PAGE_HEADERS, PlainResponse, Request, Response, json_response
from copilot_api.http.identity import UNKNOWN
from copilot_api.http.routing import Route, simple
from copilot_api.records import fields, record
from copilot_api.version import VERSION

if TYPE_CHECKING:
    from copilot_api.ledger.budgets import Standing


class Load(Protocol):
    """How busy the gateway is."""

    @property
    def in_flight(self) -> int:
        """Requests that hold a place."""

    @property
    def waiting(self) -> int:
        """Requests that wait for one."""

    @property
    def places(self) -> int:
        """Requests that may be in flight."""

    @property
    def paced(self) -> int:
        """Requests that the rate limit or the person at the terminal keeps waiting."""

    @property
    def streams(self) -> int:
        """Streams that run."""


class SharedStore(Protocol):
    """The store that replicas share."""

    is_up: bool
    why: str
    lost: int


@record
class Sources:
    """Where the numbers come from."""

    reports: Callable[[], tuple[ComponentReport, ...]]
    load: Load
    cache: Callable[[], CacheStatistics] | None
    """None where nothing is kept."""
    failures: Failures
    metrics: Metrics
    written: Callable[[], tuple[int, int]] = lambda: (0, 0)
    """Entries of the ledger that were written and lost."""
    standings: Callable[[], tuple[Standing, ...]] = tuple
    store: SharedStore | None = None
    """None where there is one gateway."""
    captures: bool = False
    """Whole requests are kept (``--capture``)."""
    standing: Callable[[], tuple[int, int, int]] | None = None
    """Decisions that stand, requests that were carried by such, and those that came back."""


def routes(sources: Sources) -> tuple[Route, ...]:
    """Return the routes."""
    reports, load, cache, store = sources.reports, sources.load, sources.cache, sources.store

    async def health(request: Request, _body: object) -> Response:
        if request.caller is UNKNOWN:
            return json_response(200, {"status": "ok"}, PAGE_HEADERS)
        components = {
            report.state.name: {
                "implementation": report.state.implementation,
                "reason": report.state.reason,
                "differences": report.differences,
                "failures": report.failures,
            }
            for report in reports()
        }
        facts: dict[str, Any] = {
            "status": "ok",
            "version": VERSION,
            "requests_in_flight": load.in_flight,
            "requests_waiting": load.waiting,
            "engine": components,
        }
        if sources.captures:
            facts["capture"] = "on"
        if cache is not None:
            facts["cache"] = _by_name(cache())
        if sources.standing is not None:
            names = ("decisions", "carried", "returned")
            facts["standing"] = dict(zip(names, sources.standing(), strict=True))
        if store is not None:
            # Still "ok": while the store is away each replica serves by what it knows alone.
            facts["shared_store"] = {"status": "up" if store.is_up else "away", "reason": store.why}
        return json_response(200, facts, PAGE_HEADERS)

    async def metrics(request: Request, _body: object) -> Response:
        if request.caller.restricted:
            raise NotAllowed(403, "this key has limits, and the metrics show what all keys do")
        from copilot_api.http import exposition
        from copilot_api.http.metric_families import families

        open_metrics = exposition.is_wanted(request.header("accept") or "")
        text = exposition.write(families(sources, len(asyncio.all_tasks())), open_metrics=open_metrics)
        content_type = exposition.OPEN_METRICS if open_metrics else exposition.PLAIN
        return PlainResponse(200, text.encode(), (("content-type", content_type), *PAGE_HEADERS))

    return (
        Route("GET", ("/health",), simple(health)),
        Route("GET", ("/metrics",), simple(metrics)),
    )


def _by_name(found: CacheStatistics) -> dict[str, int]:
    return {each.name: getattr(found, each.name) for each in fields(CacheStatistics)}
