"""``/health`` of a running gateway; ``/metrics`` is in `test_metrics`."""

from __future__ import annotations

from tests.support import http
from tests.support.process import GatewayProcess


def test_the_running_program_tells_its_components(gateway: GatewayProcess) -> None:
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
    assert http.request(gateway.url, "POST", "/v1/chat/completions", body).status == 200
    answer = http.request(gateway.url, "GET", "/health")
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.json["engine"]["validation"]["implementation"] == "native"
    assert "hello" not in answer.text
