"""``/metrics`` of the running program, as Prometheus reads it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GatewayProcess
from tests.support.waiting import until

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
MESSAGES = {**CHAT, "model": "claude-sonnet-4.6", "max_tokens": 50}
OPEN_METRICS = {"accept": "application/openmetrics-text; version=1.0.0"}
ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs/observability.md"

NOT_ALWAYS = {
    *("copilot_api_shared_store_up", "copilot_api_shared_store_lost_total"),
    *("copilot_api_standing_decisions", "copilot_api_standing_requests_total"),
}
"""With a store, and with the native engine."""

Found = dict[str, Metric]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


@pytest.fixture(scope="module", params=["native", "reference"])
def used(
    request: pytest.FixtureRequest, simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that has answered some requests of each kind."""
    options = ("--engine", request.param, "--cache", "1M", "--budget", "1000 requests/day soft")
    with GatewayProcess(tmp_path_factory.mktemp("home"), simulator.url, *options) as gateway:
        ask(gateway)
        # A request is counted when it is over, which may be after its client has the end.
        until(lambda: sum(samples(scraped(gateway), "copilot_api_requests")) == 5)
        yield gateway


def ask(gateway: GatewayProcess) -> None:
    for stream in (False, True):
        assert request(gateway.url, "POST", "/v1/chat/completions", CHAT | {"stream": stream}).status == 200
        assert request(gateway.url, "POST", "/v1/messages", MESSAGES | {"stream": stream}).status == 200
    assert request(gateway.url, "POST", "/v1/chat/completions", CHAT | {"model": "no-such"}).status == 400
    assert request(gateway.url, "POST", "/v1/chat/completions", b"{}").status == 400


def scraped(gateway: GatewayProcess, *, open_metrics: bool = False) -> Found:
    answer = request(gateway.url, "GET", "/metrics", headers=OPEN_METRICS if open_metrics else {})
    assert answer.status == 200
    kind = "application/openmetrics-text; version=1.0.0" if open_metrics else "text/plain; version=0.0.4"
    assert answer.headers["content-type"].startswith(kind)
    return {each.name: each for each in (read_open if open_metrics else read_plain)(answer.text)}


def samples(found: Found, family: str, name: str = "", **labels: str) -> list[float]:
    """The values of those that have the labels."""
    return [
        each.value
        for each in found[family].samples
        if each.name == (name or each.name) and labels.items() <= each.labels.items()
    ]


@pytest.mark.parametrize("open_metrics", [False, True], ids=["plain", "openmetrics"])
def test_prometheus_reads_it_and_it_adds_up(used: GatewayProcess, open_metrics: bool) -> None:
    found = scraped(used, open_metrics=open_metrics)
    requests = "copilot_api_requests"
    assert samples(found, requests, dialect="chat", model="gpt-4.1", status="2xx")[0] >= 2
    assert samples(found, requests, dialect="messages", leg="messages", status="2xx") == [2]
    assert samples(found, requests, model="other", status="4xx") == [1]
    assert sum(samples(found, requests)) >= 5
    first_byte = "copilot_api_time_to_first_byte_seconds"
    assert sum(samples(found, first_byte, f"{first_byte}_count")) >= 5
    overhead = "copilot_api_overhead_seconds"
    assert samples(found, overhead, f"{overhead}_count", until="first_byte")[0] >= 5
    assert samples(found, overhead, f"{overhead}_count", until="end")[0] >= 3
    assert sum(samples(found, "copilot_api_tokens", kind="output")) > 0
    assert samples(found, "copilot_api_billed_nano_aiu", model="gpt-4.1")[0] > 0
    assert samples(found, "copilot_api_http_responses", status="4xx") == [2]
    assert samples(found, "copilot_api_token_exchanges", result="ok") == [1]
    assert samples(found, "copilot_api_token_expiry_timestamp_seconds")[0] > time.time()
    assert samples(found, "copilot_api_streams") == [0]
    assert samples(found, "copilot_api_places") == [64]
    assert samples(found, "copilot_api_budget_spent_ratio")[0] >= 5 / 1000
    assert samples(found, "copilot_api_cache_requests", result="miss") == [0]


def test_the_billed_amount_is_the_simulators(simulator: SimulatorServer, used: GatewayProcess) -> None:
    before = samples(scraped(used), "copilot_api_billed_nano_aiu", model="gpt-4.1")[0]
    billed = sum(bill.nano_aiu or 0 for bill in simulator.state.billed)
    assert request(used.url, "POST", "/v1/chat/completions", CHAT).status == 200
    grown = sum(bill.nano_aiu or 0 for bill in simulator.state.billed) - billed
    assert grown > 0
    name = "copilot_api_billed_nano_aiu"
    until(lambda: samples(scraped(used), name, model="gpt-4.1")[0] - before == grown)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_is_this_one(used: GatewayProcess) -> None:
    found = scraped(used)
    assert 5 < samples(found, "process_open_fds")[0] < samples(found, "process_max_fds")[0]
    assert 5e6 < samples(found, "process_resident_memory_bytes")[0] < 500e6
    assert 0 <= time.time() - samples(found, "process_start_time_seconds")[0] < 3600
    assert samples(found, "process_cpu_seconds")[0] > 0


def test_names_follow_prometheus_rules(used: GatewayProcess) -> None:
    """What `promtool check metrics` looks at, but for its wish for base units, which names here have."""
    text = request(used.url, "GET", "/metrics").text
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    assert types.keys() == helps.keys()
    for name, kind in types.items():
        assert re.fullmatch(r"(copilot_api|process)_[a-z0-9_]+", name)
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(count|sum|bucket|milliseconds|ms|kilobytes|percent)$", name), name
        assert kind not in name.split("_"), name
        assert helps[name].endswith("."), name


def test_the_documentation_lists_them_all(used: GatewayProcess) -> None:
    documented = set(
        re.findall(r"^\| `((?:copilot_api|process)_\w+)`", DOCS.read_text("utf-8"), re.MULTILINE)
    )
    text = request(used.url, "GET", "/metrics").text
    assert documented - NOT_ALWAYS == set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)) - NOT_ALWAYS
    assert documented > NOT_ALWAYS


@pytest.mark.parametrize("name", ["grafana/copilot-api.json", "prometheus/alerts.yml"])
def test_dashboard_and_alerts_name_what_there_is(used: GatewayProcess, name: str) -> None:
    text = (ROOT / "docker" / name).read_text("utf-8")
    named = set(re.findall(r"\b(?:copilot_api|process)_[a-z_]+\b", text))
    assert len(named) >= 6
    found = request(used.url, "GET", "/metrics").text
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", found, re.MULTILINE))
    known = {*types, *(f"{each}_bucket" for each, kind in types.items() if kind == "histogram")}
    assert named <= known


def test_labels_of_dashboard_and_alerts_are_there(used: GatewayProcess) -> None:
    """What queries group or choose by is a label of some sample, or one that Prometheus adds."""
    queries = [
        target["expr"]
        for panel in json.loads((ROOT / "docker/grafana/copilot-api.json").read_text("utf-8"))["panels"]
        for target in panel["targets"]
    ]
    queries.append((ROOT / "docker/prometheus/alerts.yml").read_text("utf-8"))
    grouped = {
        each.strip()
        for text in queries
        for found in re.findall(r"by \(([^)]+)\)", text)
        for each in found.split(",")
    }
    chosen = {each for text in queries for each in re.findall(r"[{,](\w+)=~?\"", text)}
    seen = {name for each in scraped(used).values() for sample in each.samples for name in sample.labels}
    assert grouped | chosen <= seen | {"job"}
