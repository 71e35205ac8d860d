"""``/health`` and ``/metrics`` of a running gateway."""

from __future__ import annotations

import pytest

from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport, ComponentState
from copilot_api.http.routes import health
from tests.support import http
from tests.support.process import GatewayProcess


def test_lines_are_what_prometheus_reads() -> None:
    state = ComponentState("validation", "native", "default")
    report = ComponentReport(state, 2, 1, {"native": (3, 0.5, 0.25), "reference": (0, 0.0, 0.0)})
    lines = list(health._lines((report,), 7))
    assert "copilot_api_requests_in_flight 7" in lines
    assert 'copilot_api_component_differences_total{component="validation"} 2' in lines
    assert (
        'copilot_api_component_seconds_sum{component="validation",implementation="native"} 0.500000000'
        in lines
    )
    assert not any('implementation="reference"' in line for line in lines)
    samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    assert all(float(value) >= 0 for _, value in samples)
    described = {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}
    names = {name.split("{")[0].removesuffix("_sum").removesuffix("_count") for name, _ in samples}
    assert names <= described


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_the_running_program_tells_its_components(gateway: GatewayProcess, path: str) -> None:
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
    assert http.request(gateway.url, "POST", "/v1/chat/completions", body).status == 200
    answer = http.request(gateway.url, "GET", path)
    assert answer.status == 200
    if path == "/health":
        assert answer.json["status"] == "ok"
        assert answer.json["engine"]["validation"]["implementation"] == "native"
    else:
        sample = 'copilot_api_component_seconds_count{component="validation",implementation="native"} '
        assert sample in answer.text
    assert "hello" not in answer.text


def test_lines_of_the_cache_are_what_prometheus_reads() -> None:
    lines = list(health._cache_lines(CacheStatistics(hits=3, misses=2, evictions=1, entries=5, bytes=700)))
    assert 'copilot_api_cache_requests_total{result="hit"} 3' in lines
    assert 'copilot_api_cache_requests_total{result="coalesced"} 0' in lines
    assert "copilot_api_cache_evictions_total 1" in lines
    assert "copilot_api_cache_bytes 700" in lines
    described = {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}
    assert {line.split(" ")[0].split("{")[0] for line in lines if not line.startswith("#")} == described
