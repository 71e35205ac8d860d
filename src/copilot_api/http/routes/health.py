"""``/health``: whether the gateway works and what runs in it; ``/metrics``: the same for Prometheus.

Where a key is needed, who shows none learns from ``/health`` that the gateway is up, and nothing else (R-20).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport
from copilot_api.http.asgi import PAGE_HEADERS, PlainResponse, Request, Response, json_response
from copilot_api.http.identity import UNKNOWN
from copilot_api.http.routing import Route, simple
from copilot_api.records import fields
from copilot_api.version import VERSION

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text exposition format."""


_CACHE_COUNTERS = (
    ("evictions", "Entries that made room for others."),
    ("expirations", "Entries that became too old."),
)
_CACHE_GAUGES = (
    ("entries", "Answers that are kept."),
    ("bytes", "Memory that they take."),
    ("waiting", "Requests that wait now for the answer to an equal one."),
)


class Load(Protocol):
    """How busy the gateway is."""

    @property
    def in_flight(self) -> int:
        """Requests that hold a place."""

    @property
    def waiting(self) -> int:
        """Requests that wait for one."""


def routes(
    reports: Callable[[], tuple[ComponentReport, ...]],
    load: Load,
    cache: Callable[[], CacheStatistics] | None = None,
    failures: Callable[[], Iterable[str]] = tuple,
    standing: Callable[[], tuple[int, int, int]] | None = None,
) -> tuple[Route, ...]:
    """Return the routes. `reports` are the engine's; `cache` is None where nothing is kept.

    `failures` gives lines for ``/metrics``; `standing` are decisions that stand, requests that were carried
    by such, and those that came back.
    """

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
        if cache is not None:
            facts["cache"] = _by_name(cache())
        if standing is not None:
            facts["standing"] = dict(zip(("decisions", "carried", "returned"), standing(), strict=True))
        return json_response(200, facts, PAGE_HEADERS)

    async def metrics(_request: Request, _body: object) -> Response:
        lines = [*_lines(reports(), load.in_flight, load.waiting), *_task_lines(len(asyncio.all_tasks()))]
        lines += failures()
        if cache is not None:
            lines += _cache_lines(cache())
        if standing is not None:
            lines += _standing_lines(*standing())
        text = "".join(f"{line}\n" for line in lines)
        return PlainResponse(200, text.encode(), (("content-type", CONTENT_TYPE), *PAGE_HEADERS))

    return (
        Route("GET", ("/health",), simple(health)),
        Route("GET", ("/metrics",), simple(metrics)),
    )


def _by_name(found: CacheStatistics) -> dict[str, int]:
    return {each.name: getattr(found, each.name) for each in fields(CacheStatistics)}


def _cache_lines(found: CacheStatistics) -> Iterator[str]:
    yield "# HELP copilot_api_cache_requests_total Requests that the cache was asked about, by what it said."
    yield "# TYPE copilot_api_cache_requests_total counter"
    for result, count in (("hit", found.hits), ("miss", found.misses), ("coalesced", found.coalesced)):
        yield f'copilot_api_cache_requests_total{{result="{result}"}} {count}'
    for name, text in _CACHE_COUNTERS:
        yield f"# HELP copilot_api_cache_{name}_total {text}"
        yield f"# TYPE copilot_api_cache_{name}_total counter"
        yield f"copilot_api_cache_{name}_total {getattr(found, name)}"
    for name, text in _CACHE_GAUGES:
        yield f"# HELP copilot_api_cache_{name} {text}"
        yield f"# TYPE copilot_api_cache_{name} gauge"
        yield f"copilot_api_cache_{name} {getattr(found, name)}"


def _standing_lines(decisions: int, carried: int, returned: int) -> Iterator[str]:
    yield "# HELP copilot_api_standing_decisions Decisions by which our own server carries requests."
    yield "# TYPE copilot_api_standing_decisions gauge"
    yield f"copilot_api_standing_decisions {decisions}"
    yield "# HELP copilot_api_standing_requests_total Requests that were carried so, by what came of them."
    yield "# TYPE copilot_api_standing_requests_total counter"
    yield f'copilot_api_standing_requests_total{{result="carried"}} {carried}'
    yield f'copilot_api_standing_requests_total{{result="returned"}} {returned}'


def _task_lines(tasks: int) -> Iterator[str]:
    yield "# HELP copilot_api_tasks Tasks of the event loop now."
    yield "# TYPE copilot_api_tasks gauge"
    yield f"copilot_api_tasks {tasks}"


def _lines(reports: tuple[ComponentReport, ...], in_flight: int, waiting: int = 0) -> Iterator[str]:
    yield "# HELP copilot_api_requests_in_flight Requests that hold a place now."
    yield "# TYPE copilot_api_requests_in_flight gauge"
    yield f"copilot_api_requests_in_flight {in_flight}"
    yield "# HELP copilot_api_requests_waiting Requests that wait for a place now."
    yield "# TYPE copilot_api_requests_waiting gauge"
    yield f"copilot_api_requests_waiting {waiting}"
    yield "# HELP copilot_api_component_info Which implementation of a component runs."
    yield "# TYPE copilot_api_component_info gauge"
    for report in reports:
        state = report.state
        labels = f'component="{state.name}",implementation="{state.implementation}"'
        yield f"copilot_api_component_info{{{labels}}} 1"
    for name, text in (
        ("differences", "Calls in which the two implementations differed (shadow)."),
        ("failures", "Panics and broken contracts of the native implementation."),
    ):
        yield f"# HELP copilot_api_component_{name}_total {text}"
        yield f"# TYPE copilot_api_component_{name}_total counter"
        for report in reports:
            count = getattr(report, name)
            yield f'copilot_api_component_{name}_total{{component="{report.state.name}"}} {count}'
    yield "# HELP copilot_api_component_seconds Time spent in a component."
    yield "# TYPE copilot_api_component_seconds summary"
    for report in reports:
        for implementation, (calls, seconds, _) in report.timings.items():
            if calls:
                labels = f'component="{report.state.name}",implementation="{implementation}"'
                yield f"copilot_api_component_seconds_sum{{{labels}}} {seconds:.9f}"
                yield f"copilot_api_component_seconds_count{{{labels}}} {calls}"
    yield "# HELP copilot_api_component_longest_seconds The longest call of a component."
    yield "# TYPE copilot_api_component_longest_seconds gauge"
    for report in reports:
        for implementation, (calls, _, longest) in report.timings.items():
            if calls:
                labels = f'component="{report.state.name}",implementation="{implementation}"'
                yield f"copilot_api_component_longest_seconds{{{labels}}} {longest:.9f}"
