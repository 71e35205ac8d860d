"""``--otel``: what a collector gets from the running program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.otlp_receiver import OtlpReceiver, attributes
from tests.support.process import GatewayProcess

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "MarkOfAPrompt"}]}
MESSAGES = {**CHAT, "model": "sonnet", "max_tokens": 50, "stream": True}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ASKED_BY = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@dataclass
class Told:
    """What the collector got of some requests, and what upstream saw."""

    receiver: OtlpReceiver
    simulator: SimulatorServer
    ids: list[str]

    def span(self, number: int, kind: int) -> Span:
        """The server's or the client's span of a request."""
        server = next(
            each
            for each in self.receiver.spans()
            if attributes(each.attributes).get("copilot_api.request_id") == self.ids[number]
        )
        if kind == Span.SPAN_KIND_SERVER:
            return server
        return next(each for each in self.receiver.spans() if each.parent_span_id == server.span_id)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Three requests: a whole answer, a translated stream that has a parent, one that is refused."""
    with SimulatorServer() as simulator, OtlpReceiver() as receiver:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        home = tmp_path_factory.mktemp("home")
        with GatewayProcess(home, simulator.url, "--otel", environment=environment) as gateway:
            ids = ask(gateway)
            # What is left is sent when it stops: nothing has to be waited for.
            assert gateway.stop() == 0
        yield Told(receiver, simulator, ids)


def ask(gateway: GatewayProcess) -> list[str]:
    asked: list[tuple[str, Any, dict[str, str], int]] = [
        ("/v1/chat/completions", CHAT, {}, 200),
        ("/v1/messages", MESSAGES, ASKED_BY, 200),
        ("/v1/chat/completions", CHAT | {"model": "no-such-model"}, {}, 400),
    ]
    ids = []
    for path, body, headers, status in asked:
        answer = request(gateway.url, "POST", path, body, headers=headers)
        assert answer.status == status
        ids.append(answer.headers["x-request-id"])
    return ids


def test_a_span_of_the_server_and_one_of_the_call(told: Told) -> None:
    server, client = told.span(0, Span.SPAN_KIND_SERVER), told.span(0, Span.SPAN_KIND_CLIENT)
    assert (server.kind, client.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert (server.name, client.name) == ("POST chat", "chat gpt-4.1")
    assert server.trace_id == client.trace_id
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano + 1_000_000
    found = attributes(server.attributes)
    assert (found["http.request.method"], found["http.response.status_code"]) == ("POST", 200)
    assert found["url.path"] == "/v1/chat/completions"
    assert told.receiver.resource()["service.name"] == "copilot-api"


def test_the_call_has_the_conventions_attributes(told: Told) -> None:
    found = attributes(told.span(0, Span.SPAN_KIND_CLIENT).attributes)
    bill = told.simulator.state.billed[0]
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "github.copilot"
    assert found["gen_ai.request.model"] == "gpt-4.1"
    assert found["gen_ai.response.model"].startswith("gpt-4.1")
    assert found["gen_ai.response.finish_reasons"] == ["stop"]
    assert found["gen_ai.usage.input_tokens"] == bill.input_tokens
    assert found["gen_ai.usage.output_tokens"] == bill.output_tokens
    assert found["copilot_api.billed_nano_aiu"] == bill.nano_aiu
    assert found["server.address"] == "127.0.0.1"
    assert told.simulator.url.endswith(f":{found['server.port']}")


def test_a_stream_is_a_child_of_what_the_client_named(told: Told) -> None:
    server = told.span(1, Span.SPAN_KIND_SERVER)
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    found = attributes(told.span(1, Span.SPAN_KIND_CLIENT).attributes)
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.request.model"] == "claude-sonnet-4.6"
    assert found["gen_ai.response.finish_reasons"]
    assert found["gen_ai.response.time_to_first_chunk"] >= 0
    assert found["gen_ai.usage.output_tokens"] > 0
    assert "claude-sonnet-4.6" in attributes(server.attributes)["copilot_api.rewrites"]


def test_upstream_hears_nothing_of_traces(told: Told) -> None:
    for each in told.simulator.state.requests:
        assert not {"traceparent", "tracestate", "baggage"} & {name.lower() for name in each.headers}


def test_a_refusal_is_the_clients_error_and_the_calls(told: Told) -> None:
    server, client = told.span(2, Span.SPAN_KIND_SERVER), told.span(2, Span.SPAN_KIND_CLIENT)
    assert server.status.code == Status.STATUS_CODE_UNSET, "what a client did wrong is no error of a server"
    assert client.status.code == Status.STATUS_CODE_ERROR
    assert attributes(client.attributes)["error.type"] == "upstream_status"


def test_metrics_by_the_conventions(told: Told) -> None:
    found = told.receiver.measured()
    assert set(found) == {
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
    }
    tokens = found["gen_ai.client.token.usage"]
    assert tokens.unit == "{token}"
    points = [(attributes(point.attributes), point) for point in tokens.histogram.data_points]
    output = [point for given, point in points if given["gen_ai.token.type"] == "output"]
    assert sum(point.sum for point in output) == sum(
        bill.output_tokens for bill in told.simulator.state.billed
    )
    durations = found["gen_ai.client.operation.duration"]
    assert durations.unit == "s"
    given = [attributes(point.attributes) for point in durations.histogram.data_points]
    assert {each["gen_ai.request.model"] for each in given} == {"gpt-4.1", "claude-sonnet-4.6", "other"}
    assert sum(point.count for point in durations.histogram.data_points) == 3


@pytest.mark.secrets
def test_r08_nothing_of_content_or_credentials_is_sent(told: Told) -> None:
    sent = b"".join(told.receiver.raw)
    for mark in (b"MarkOfAPrompt", b"You said", b"ghu_", b"tid=", b"Bearer"):
        assert mark not in sent


def test_a_collector_that_is_not_there_stops_nothing(simulator: SimulatorServer, tmp_path: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with GatewayProcess(tmp_path, simulator.url, "--otel", environment=environment) as gateway:
        assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
        assert gateway.stop() == 0


def test_without_the_packages_it_says_what_to_do(simulator: SimulatorServer, tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry/__init__.py").write_text("raise ImportError(name='opentelemetry')", "utf-8")
    environment = {"PYTHONPATH": str(tmp_path)}
    gateway = GatewayProcess(tmp_path, simulator.url, "--otel", environment=environment)
    with pytest.raises(AssertionError), gateway:
        pass
    assert "pip install 'copilot-api-gateway[otel]'" in gateway.errors.text
