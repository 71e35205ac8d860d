"""``/health``: whether the gateway works and what runs in it; ``/metrics``: the same for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from copilot_api.engine.interfaces import ComponentReport
from copilot_api.http.asgi import PlainResponse, Request, Response, json_response
from copilot_api.http.routing import Route, simple
from copilot_api.version import VERSION

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text exposition format."""


def routes(
    reports: Callable[[], tuple[ComponentReport, ...]], in_flight: Callable[[], int]
) -> tuple[Route, ...]:
    """Return the routes. `reports` are the engine's, `in_flight` counts requests that hold a place."""

    async def health(_request: Request, _body: bytes) -> Response:
        components = {
            report.state.name: {
                "implementation": report.state.implementation,
                "reason": report.state.reason,
                "differences": report.differences,
                "failures": report.failures,
            }
            for report in reports()
        }
        return json_response(
            200,
            {"status": "ok", "version": VERSION, "requests_in_flight": in_flight(), "engine": components},
            (("cache-control", "no-store"),),
        )

    async def metrics(_request: Request, _body: bytes) -> Response:
        text = "".join(f"{line}\n" for line in _lines(reports(), in_flight()))
        return PlainResponse(200, text.encode(), (("content-type", CONTENT_TYPE),))

    return (
        Route("GET", ("/health",), simple(health)),
        Route("GET", ("/metrics",), simple(metrics)),
    )


def _lines(reports: tuple[ComponentReport, ...], in_flight: int) -> Iterator[str]:
    yield "# HELP copilot_api_requests_in_flight Requests that hold a place now."
    yield "# TYPE copilot_api_requests_in_flight gauge"
    yield f"copilot_api_requests_in_flight {in_flight}"
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
