"""compat.md section 3: paths, answers, headers and errors of the running program."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import events, raw, request
from tests.support.process import GatewayProcess

STREAMS = Path(__file__).parents[1] / "fixtures/upstream/chat"
HELLO: list[Any] = [{"role": "user", "content": "hi"}]
CHAT_PATHS = ("/chat/completions", "/v1/chat/completions")


# 3.1 Server


def test_root_says_that_it_runs(gateway: GatewayProcess) -> None:
    answer = request(gateway.url)
    assert (answer.status, answer.reason, answer.text) == (200, "OK", "Server running")
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nope"),
        ("GET", "/v1/models/"),
        ("GET", "//v1/models"),
        ("GET", "/V1/models"),
        ("GET", "/v1/usage"),
        ("GET", "/v1/token"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/models"),
        ("POST", "/messages"),
        ("DELETE", "/v1/models"),
    ],
)
def test_anything_else_is_404_never_405(gateway: GatewayProcess, method: str, path: str) -> None:
    answer = request(gateway.url, method, path, {} if method == "POST" else None)
    assert (answer.status, answer.text) == (404, "404 Not Found")
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"


@pytest.mark.parametrize("path", ["/", "/models", "/v1/models", "/usage"])
def test_head_has_the_headers_of_get_and_no_body(gateway: GatewayProcess, path: str) -> None:
    got, head = request(gateway.url, "GET", path), request(gateway.url, "HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers["content-length"] == str(len(got.body))


def test_head_of_claude_code_is_tolerated(gateway: GatewayProcess) -> None:
    assert request(gateway.url, "HEAD", "/api/hello").status == 404


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/not/there"])
def test_options_is_a_preflight_on_any_path(gateway: GatewayProcess, path: str) -> None:
    asked = {"access-control-request-headers": "content-type , x-api-key"}
    answer = request(gateway.url, "OPTIONS", path, headers=asked)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == "GET,HEAD,PUT,POST,DELETE,PATCH"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-api-key"
    assert "Access-Control-Request-Headers" in answer.headers["vary"]


def test_query_is_ignored(gateway: GatewayProcess) -> None:
    body = {"model": "gpt-4.1", "max_tokens": 20, "messages": HELLO}
    assert request(gateway.url, "POST", "/v1/messages?beta=true", body).status == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer dummy"}, {"x-api-key": "x"}])
def test_any_or_no_key_is_accepted(gateway: GatewayProcess, headers: dict[str, str]) -> None:
    assert request(gateway.url, "GET", "/v1/models", headers=headers).status == 200


def test_d_h16_status_line_has_a_reason(gateway: GatewayProcess) -> None:
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw(gateway.url, head).startswith(b"HTTP/1.1 200 OK\r\n")


# 3.2 Request log


def test_two_lines_a_request(gateway: GatewayProcess) -> None:
    request(gateway.url, "GET", "/v1/models?marker=1")
    gateway.output.wait_for(r"^<-- GET /v1/models\?marker=1$")
    gateway.output.wait_for(r"^--> GET /v1/models\?marker=1 200 \d+(ms|s)$")


# 3.3 Errors


def test_d_h1_invalid_json_is_400_in_the_same_shape(gateway: GatewayProcess) -> None:
    for path in CHAT_PATHS:
        answer = request(gateway.url, "POST", path, b"{not json")
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["error"]["type"] == "error"
        assert isinstance(answer.json["error"]["message"], str)


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/v1/chat/completions", {"messages": HELLO}, "model"),
        ("/v1/chat/completions", {"model": 7, "messages": HELLO}, "model"),
        ("/v1/chat/completions", {"model": "gpt-4.1"}, "messages"),
        ("/v1/chat/completions", {"model": "gpt-4.1", "messages": "x"}, "messages"),
        ("/v1/chat/completions", {"model": "gpt-4.1", "messages": [7]}, "messages[0]"),
        (
            "/v1/chat/completions",
            {"model": "gpt-4.1", "messages": [*HELLO, {"role": "user", "content": 7}]},
            "messages[1].content",
        ),
        ("/v1/messages", {"messages": HELLO}, "model"),
        ("/v1/messages", {"model": "x", "messages": {}}, "messages"),
        ("/v1/messages", {"model": "x", "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ("/v1/messages", {"model": "x", "messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ("/v1/messages/count_tokens", {"model": "x"}, "messages"),
    ],
)
def test_d_h2_the_field_at_fault_is_named(
    gateway: GatewayProcess, simulator: SimulatorServer, path: str, body: Any, named: str
) -> None:
    before = len(simulator.state.requests)
    answer = request(gateway.url, "POST", path, body)
    assert answer.status == 400
    assert named in answer.json["error"]["message"]
    assert answer.json.get("type") == ("error" if "messages" in path else None)
    assert len(simulator.state.requests) == before


def test_d_h3_anthropic_route_has_the_top_level_type(gateway: GatewayProcess) -> None:
    body = {"model": "no-such-model", "max_tokens": 5, "messages": HELLO}
    answer = request(gateway.url, "POST", "/v1/messages", body)
    assert answer.status == 400
    assert answer.json["type"] == "error"
    assert answer.json["error"]["type"] == "error"


def test_d_h4_upstream_text_status_and_headers_pass(
    gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    text = '{"error":{"message":"slow down","code":"rate_limited"}}\n'
    simulator.faults.add(
        path="/chat/completions",
        kind="status",
        status=429,
        headers={"retry-after": "9", "set-cookie": "a=b"},
        body=text.encode(),
    )
    body = {"model": "gpt-4.1", "messages": HELLO}
    answer = request(gateway.url, "POST", "/v1/chat/completions", body)
    assert answer.status == 429
    assert answer.json["error"]["message"] == text
    assert answer.json["error"]["type"] == "error"
    assert answer.headers["retry-after"] == "9"
    assert "set-cookie" not in answer.headers


def test_error_style_dialect_gives_plain_text_and_types(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--error-style", "dialect") as gateway:
        for path, kind in (
            ("/v1/chat/completions", "rate_limit_error"),
            ("/v1/messages", "rate_limit_error"),
        ):
            simulator.faults.add(
                path="/chat/completions",
                kind="status",
                status=429,
                body=b'{"error":{"message":"slow down","code":"rate_limited"}}',
            )
            answer = request(gateway.url, "POST", path, {"model": "gpt-4.1", "messages": HELLO})
            assert answer.json["error"]["message"] == "slow down"
            assert answer.json["error"]["type"] == kind


# 3.4 Chat completions


@pytest.mark.parametrize("path", CHAT_PATHS)
def test_whole_chat_answer(gateway: GatewayProcess, path: str) -> None:
    answer = request(gateway.url, "POST", path, {"model": "gpt-4.1", "messages": HELLO})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["choices"][0]["message"]["content"]


def test_body_passes_exactly(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    body = (
        b'{ "model": "gpt-4.1","big":123456789012345678901234567890, "one":1.0, "2":2,"1":1,'
        b' "esc":"\\u00e9\\/", "lone":"\\ud800", "messages":[{"role":"user","content":"hi"}],'
        b'"max_tokens":0 }'
    )
    assert request(gateway.url, "POST", "/v1/chat/completions", body).status == 200
    assert simulator.state.requests[-1].body == body


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, 16384),
        ({"max_tokens": None}, 16384),
        ({"max_tokens": 0}, 0),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 7}, None),
    ],
)
def test_output_cap_is_filled_in(
    gateway: GatewayProcess, simulator: SimulatorServer, given: Any, sent: int | None
) -> None:
    models = {
        entry["id"]: entry for entry in request(simulator.url, "GET", "/_simulator/models").json["data"]
    }
    limit = models["gpt-4.1"]["capabilities"]["limits"]["max_output_tokens"]
    request(gateway.url, "POST", "/v1/chat/completions", {"model": "gpt-4.1", "messages": HELLO, **given})
    body = json.loads(simulator.state.requests[-1].body)
    assert body.get("max_tokens") == (limit if sent == 16384 else sent)


@pytest.mark.parametrize(
    ("messages", "initiator"),
    [
        (HELLO, "user"),
        ([{"role": "system", "content": "x"}], "user"),
        ([*HELLO, {"role": "assistant", "content": "hello"}, *HELLO], "user"),
        ([*HELLO, {"role": "assistant", "content": "hello"}], "agent"),
    ],
)
def test_initiator_follows_the_last_turn(
    gateway: GatewayProcess, simulator: SimulatorServer, messages: Any, initiator: str
) -> None:
    request(gateway.url, "POST", "/v1/chat/completions", {"model": "gpt-4.1", "messages": messages})
    assert simulator.state.requests[-1].headers["x-initiator"] == initiator
    assert "copilot-vision-request" not in simulator.state.requests[-1].headers


@pytest.mark.parametrize("value", ["true", "1", '"yes"', "{}"])
def test_truthy_stream_streams(gateway: GatewayProcess, value: str) -> None:
    body = b'{"model":"gpt-4.1","messages":[{"role":"user","content":"hi"}],"stream":%s}' % value.encode()
    answer = request(gateway.url, "POST", "/v1/chat/completions", body)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache"
    assert events(answer.body)[-1] == (None, "[DONE]")


def test_frames_pass_byte_for_byte(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    stream = (STREAMS / "gpt_tools.sse").read_bytes()
    simulator.faults.add(path="/chat/completions", kind="raw_stream", body=stream)
    body = {"model": "gpt-4.1", "messages": HELLO, "stream": True}
    answer = request(gateway.url, "POST", "/v1/chat/completions", body)
    sent = [data for _, data in events(stream) if '"choices":[]' not in data]
    assert [data for _, data in events(answer.body)] == sent


# 3.5 Messages


def test_whole_message(gateway: GatewayProcess) -> None:
    body = {"model": "claude-sonnet-4.6", "max_tokens": 50, "messages": HELLO}
    answer = request(gateway.url, "POST", "/v1/messages", body).json
    assert list(answer) == [
        "id",
        "type",
        "role",
        "model",
        "content",
        "stop_reason",
        "stop_sequence",
        "usage",
    ]
    assert answer["stop_reason"] in ("end_turn", "max_tokens")


def test_streamed_message_has_the_events_in_order(gateway: GatewayProcess) -> None:
    body = {"model": "claude-sonnet-4.6", "max_tokens": 500, "messages": HELLO, "stream": True}
    answer = request(gateway.url, "POST", "/v1/messages", body)
    names = [name for name, _ in events(answer.body)]
    assert names[:2] == ["message_start", "content_block_start"]
    assert set(names[2:-3]) == {"content_block_delta"}
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


# 3.6 Models


@pytest.mark.parametrize("path", ["/models", "/v1/models"])
def test_model_list_shape(gateway: GatewayProcess, path: str) -> None:
    answer = request(gateway.url, "GET", path).json
    assert answer["object"] == "list"
    assert answer["has_more"] is False
    assert list(answer["data"][0]) == [
        "id",
        "object",
        "type",
        "created",
        "created_at",
        "owned_by",
        "display_name",
    ]
    assert answer["data"][0]["created_at"] == "1970-01-01T00:00:00.000Z"


# 3.7 Embeddings


@pytest.mark.parametrize("path", ["/embeddings", "/v1/embeddings"])
def test_embeddings(gateway: GatewayProcess, simulator: SimulatorServer, path: str) -> None:
    body = b'{"model":"text-embedding-3-small", "input":["a"], "dimensions": 8}'
    answer = request(gateway.url, "POST", path, body)
    assert answer.status == 200
    assert answer.json["data"][0]["embedding"]
    assert simulator.state.requests[-1].body == body


# 3.8 Usage and token


def test_usage_is_upstreams_answer(gateway: GatewayProcess) -> None:
    answer = request(gateway.url, "GET", "/usage")
    assert answer.status == 200
    assert answer.json["quota_snapshots"]["premium_interactions"]["entitlement"] >= 0


def test_usage_failure_has_its_own_shape(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    simulator.faults.add(path="/copilot_internal/user", kind="status", status=500, body=b"x")
    answer = request(gateway.url, "GET", "/usage")
    assert (answer.status, answer.json) == (500, {"error": "Failed to fetch Copilot usage"})


def test_token_is_the_copilot_token(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    answer = request(gateway.url, "GET", "/token")
    assert list(answer.json) == ["token"]
    bearer = f"Bearer {answer.json['token']}"
    assert bearer in {entry.headers.get("authorization") for entry in simulator.state.requests}
    assert answer.headers["cache-control"] == "no-store"


# 3.9 Rate limit


def test_rate_limit_refuses_with_retry_after(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--rate-limit", "60") as gateway:
        body = {"model": "gpt-4.1", "messages": HELLO}
        for bad in (b"{", {"model": "gpt-4.1"}):
            assert request(gateway.url, "POST", "/v1/chat/completions", bad).status == 400
        assert request(gateway.url, "POST", "/v1/chat/completions", body).status == 200
        for path in ("/v1/chat/completions", "/v1/messages"):
            answer = request(gateway.url, "POST", path, body)
            assert answer.status == 429
            assert answer.json["error"]["message"] == '{"message":"Rate limit exceeded"}'
            assert answer.json["error"]["type"] == "error"
            assert 0 < int(answer.headers["retry-after"]) <= 60
        embed = {"model": "text-embedding-3-small", "input": ["a"]}
        assert request(gateway.url, "POST", "/v1/embeddings", embed).status == 200
        assert request(gateway.url, "GET", "/v1/models").status == 200
        count = request(gateway.url, "POST", "/v1/messages/count_tokens", body)
        assert count.status == 200
        gateway.errors.wait_for(r"Rate limit exceeded\. Need to wait \d+ more seconds\.")


def test_rate_limit_can_wait(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--rate-limit", "1", "--wait") as gateway:
        body = {"model": "gpt-4.1", "messages": HELLO}
        # At once: a machine that is busy may take a second for one.
        with ThreadPoolExecutor(2) as threads:
            answers = list(
                threads.map(lambda _: request(gateway.url, "POST", "/v1/chat/completions", body), range(2))
            )
        assert [answer.status for answer in answers] == [200, 200]
        gateway.errors.wait_for(r"Rate limit reached\. Waiting 1 seconds before proceeding\.\.\.")
        gateway.output.wait_for("Rate limit wait completed, proceeding with request")
