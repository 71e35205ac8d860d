"""compat.md section 6: defects of 0.7.0 that this program must not have, each by its id.

Others have their test nearer to the code: `grep -rn d_h17 tests` finds any of them.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, events, raw, request
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_failures import read_chat
from tests.support.upstream_steps import done, end, finish, frame, head, hold, wait

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Tell a story."}]}
MESSAGE = {**CHAT, "max_tokens": 500}
ROUTES = (("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGE))


def ask(gateway: GatewayProcess, path: str, body: dict[str, Any], **more: Any) -> Answer:
    return request(gateway.url, "POST", path, {**body, **more})


# 6.1 Security


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net")
def test_d_s1_r01_listens_on_loopback_only(gateway: GatewayProcess) -> None:
    listening = set()
    for name in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{name}").read_text(encoding="ascii").split("\n")[1:]:
            cells = row.split()
            if len(cells) > 3 and cells[3] == "0A" and cells[1].endswith(f":{gateway.port:04X}"):
                listening.add(cells[1].partition(":")[0])
    assert listening
    assert listening <= {"0100007F", "00000000000000000000000001000000"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/token"), ("GET", "/usage"), ("GET", "/v1/models"), ("POST", "/v1/chat/completions")],
)
def test_d_s1_d_s2_other_pages_get_nothing(
    gateway: GatewayProcess, simulator: SimulatorServer, origin: str, method: str, path: str
) -> None:
    before = len(simulator.state.requests)
    for asked in (method, "OPTIONS"):
        body = CHAT if asked == "POST" else None
        answer = request(gateway.url, asked, path, body, {"origin": origin})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
        assert b"tid=" not in answer.body
    assert len(simulator.state.requests) == before


def test_d_s1_usage_viewer_still_reads_usage(gateway: GatewayProcess) -> None:
    headers = {"origin": "https://ericc-ch.github.io", "sec-fetch-site": "cross-site"}
    answer = request(gateway.url, "GET", "/usage", headers=headers)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://ericc-ch.github.io"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io"])
def test_d_s1_r02_rebound_names_get_nothing(
    gateway: GatewayProcess, simulator: SimulatorServer, host: str
) -> None:
    before = len(simulator.state.requests)
    payload = f"GET /token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = raw(gateway.url, payload)
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"tid=" not in answer
    assert len(simulator.state.requests) == before


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", ""])
def test_d_s2_simple_posts_are_refused(gateway: GatewayProcess, kind: str) -> None:
    answer = request(
        gateway.url, "POST", "/v1/chat/completions", json.dumps(CHAT).encode(), {"content-type": kind}
    )
    assert answer.status == 415
    assert answer.json["error"]["message"]


def test_d_s3_verbose_shows_no_secret(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--verbose", token=None) as gateway:
        ask(gateway, "/v1/messages", MESSAGE)
        request(gateway.url, "GET", "/v1/models?key=ghu_abcdefghijklmnop")
        gateway.output.wait_for("--> GET /v1/models")
        text = gateway.output.text + gateway.errors.text
    assert "ghu_" not in text
    assert "tid=" not in text
    assert "Tell a story" not in text


def test_d_s10_body_limit(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--body-limit", "1000") as gateway:
        for path, body in ROUTES:
            answer = ask(gateway, path, body, padding="x" * 2000)
            assert answer.status == 413
            assert "1000 bytes" in answer.json["error"]["message"]
        announced = (
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10737418240\r\n\r\n"
        )
        assert raw(gateway.url, announced).startswith(b"HTTP/1.1 413")


def test_r09_keys_are_needed_once_there_are_any(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--api-key", "key-one") as gateway:
        for path, body in ROUTES:
            refused = ask(gateway, path, body)
            assert refused.status == 401
            assert refused.json.get("type") == ("error" if path == "/v1/messages" else None)
            allowed = request(gateway.url, "POST", path, body, {"x-api-key": "key-one"})
            assert allowed.status == 200
        assert request(gateway.url, "GET", "/").status == 200
        assert request(gateway.url, "GET", "/token").status == 401


# 6.2 Tokens


def test_d_r1_r47_token_service_down_is_a_503_and_comes_back(
    copilot_simulator: SimulatorServer, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path, copilot_simulator.url) as gateway:
        copilot_simulator.revoke_tokens()
        copilot_simulator.faults.add("/copilot_internal/v2/token", "status", status=500, body=b"down")
        answer = ask(gateway, "/v1/chat/completions", CHAT)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert ask(gateway, "/v1/chat/completions", CHAT).status == 200


# 6.4 HTTP


@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_d_h6_answer_without_choices_is_a_502(
    gateway: GatewayProcess, simulator: SimulatorServer, path: str, body: dict[str, Any]
) -> None:
    for kind in ("html", "status"):
        simulator.faults.add("/chat/completions", kind, status=200, body=b'{"odd":1}')
        answer = ask(gateway, path, body)
        assert answer.status == 502
        assert answer.json["error"]["message"]
    simulator.faults.add("/chat/completions", "html")
    assert ask(gateway, path, body, stream=True).status == 502


@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_d_h7_json_where_a_stream_was_asked_for(
    gateway: GatewayProcess, simulator: SimulatorServer, path: str, body: dict[str, Any]
) -> None:
    simulator.faults.add("/chat/completions", "json")
    answer = ask(gateway, path, body, stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    last = events(answer.body)[-1]
    assert last == (None, "[DONE]") or last[0] == "message_stop"
    simulator.faults.add("/chat/completions", "sse")
    assert ask(gateway, path, body).status == 502


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_d_h8_r32_client_gone_before_the_head(
    gateway: GatewayProcess, simulator: SimulatorServer, path: str, body: dict[str, Any], stream: bool
) -> None:
    simulator.faults.add("/chat/completions", "slow_headers", seconds=30)
    number = len(simulator.state.requests)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    payload = json.dumps({**body, "stream": stream})
    connection.request("POST", path, payload, {"content-type": "application/json"})
    assert simulator.state.wait_for(lambda: len(simulator.state.requests) > number)
    connection.close()
    assert simulator.state.wait_for(lambda: simulator.state.requests[number].client_gone)


@pytest.mark.parametrize("kind", ["cut", "stop", "error_frame", "garbage_frame"])
@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_d_h9_r26_broken_streams_end_with_one_error(
    gateway: GatewayProcess, simulator: SimulatorServer, path: str, body: dict[str, Any], kind: str
) -> None:
    simulator.faults.add("/chat/completions", kind, after_frames=4)
    answer = ask(gateway, path, body, stream=True)
    assert answer.status == 200
    found = events(answer.body)
    errors = [data for name, data in found if "error" in json.loads(data)]
    assert errors == [found[-1][1]]
    assert json.loads(errors[0])["error"]["message"]
    assert b"[DONE]" not in answer.body
    assert b"message_stop" not in answer.body
    if kind == "error_frame":
        assert "overloaded" in errors[0]


@pytest.mark.parametrize("kind", ["cut", "stop", "error_frame", "garbage_frame"])
@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_r27_a_stream_that_fails_at_once_is_a_status(
    gateway: GatewayProcess, simulator: SimulatorServer, path: str, body: dict[str, Any], kind: str
) -> None:
    simulator.faults.add("/chat/completions", kind, after_frames=0)
    answer = ask(gateway, path, body, stream=True)
    assert answer.status == (503 if kind == "error_frame" else 502)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_d_h10_d_h11_events_without_data_and_without_an_end(
    gateway: GatewayProcess, simulator: SimulatorServer, path: str
) -> None:
    frame = json.dumps(
        {
            "id": "1",
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}],
        }
    )
    stream = f": hello\n\nevent: ping\n\ndata: {frame}\n\nevent: ping\n\ndata: [DONE]"
    simulator.faults.add("/chat/completions", "raw_stream", body=stream.encode(), chunk_size=5)
    answer = ask(gateway, path, MESSAGE, stream=True)
    assert b"hi" in answer.body
    last = events(answer.body)[-1]
    assert last == (None, "[DONE]") or last[0] == "message_stop"


def test_d_h12_r31_keep_alives_and_r29_silence(simulator: SimulatorServer, tmp_path: Path) -> None:
    options = ("--keepalive-interval", "0.05", "--stream-idle-timeout", "1")
    with GatewayProcess(tmp_path, simulator.url, *options) as gateway:
        for path, body in ROUTES:
            simulator.faults.add("/chat/completions", "silence", after_frames=4, seconds=30)
            answer = ask(gateway, path, body, stream=True)
            mark = b"event: ping" if path == "/v1/messages" else b": keep-alive"
            assert answer.body.count(mark) >= 2
            assert b"silent" in answer.body.split(b"data: ")[-1]


def test_r30_late_head_is_a_504(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--first-byte-timeout", "0.3") as gateway:
        for path, body in ROUTES:
            simulator.faults.add("/chat/completions", "slow_headers", seconds=30)
            assert ask(gateway, path, body).status == 504


def test_d_h15_refused_max_tokens_is_renamed_once_and_remembered(
    gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    refusal = {
        "error": {
            "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "code": "unsupported_parameter",
        }
    }
    simulator.faults.add("/chat/completions", "status", status=400, body=json.dumps(refusal).encode())
    before = len(simulator.state.requests)
    for _ in range(2):
        answer = ask(gateway, "/v1/chat/completions", {**CHAT, "model": "gpt-5.2"}, max_tokens=50)
        assert answer.status == 200
    sent = [json.loads(entry.body) for entry in simulator.state.requests[before:]]
    assert ["max_tokens" in body for body in sent] == [True, False, False]
    assert [body.get("max_completion_tokens") for body in sent] == [None, 50, 50]


def test_r10_redirect_is_a_502(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    simulator.faults.add("/chat/completions", "redirect")
    assert ask(gateway, "/v1/chat/completions", CHAT).status == 502
    assert "/trap" not in [entry.path for entry in simulator.state.requests]


def test_r38_dead_connection_after_the_request_is_not_repeated(
    gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    request(gateway.url, "GET", "/v1/models")
    simulator.faults.add("/chat/completions", "close", times=5)
    before = len(simulator.state.requests)
    assert ask(gateway, "/v1/chat/completions", CHAT).status == 502
    assert len(simulator.state.requests) - before <= 2
    simulator.faults.clear()


def test_r60_beyond_the_limit_is_a_503(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--max-concurrency", "1") as gateway:
        simulator.faults.add("/chat/completions", "silence", after_frames=3, seconds=30)
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
        payload = json.dumps({**CHAT, "stream": True})
        connection.request("POST", "/v1/chat/completions", payload, {"content-type": "application/json"})
        connection.getresponse().readline()
        answer = ask(gateway, "/v1/chat/completions", CHAT)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        connection.close()


# 6.3 Process


def wait_until_refused(gateway: GatewayProcess) -> None:
    """The signal has been taken once nobody new is let in."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", gateway.port)).close()
        except ConnectionError:
            return


def test_d_b4_r50_running_stream_ends_whole_and_a_stalled_one_with_an_error(tmp_path: Path) -> None:
    path = "/chat/completions"
    with (
        ScriptedUpstream() as upstream,
        GatewayProcess(tmp_path, upstream.url, "--drain-timeout", "3") as gateway,
        ThreadPoolExecutor(2) as threads,
    ):
        upstream.plan(path, head(), frame("some"), hold())
        upstream.plan(path, head(), frame("some"), wait("signal"), frame(" more"), finish(), done(), end())
        asked = []
        for number, mark in enumerate(("hold", "signal")):
            asked.append(threads.submit(ask, gateway, f"/v1{path}", CHAT, stream=True))
            upstream.attempt(path, number).reached(mark)
        gateway.process.send_signal(signal.SIGTERM)
        wait_until_refused(gateway)
        upstream.attempt(path, 1).release("signal")
        stalled, running = (each.result() for each in asked)
        assert gateway.process.wait(20) == 0
    assert read_chat(running.body) == ("some more", True, [])
    text, ended, (error,) = read_chat(stalled.body)
    assert (text, ended) == ("some", False)
    assert "shutting down" in error


# 6.5 Counting is in section 5; translation in section 4.


def test_engine_reference_runs_without_the_native_module(simulator: SimulatorServer, tmp_path: Path) -> None:
    # A finder that knows no native module stands in for a machine where it was never built.
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'copilot_api._native': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n",
        encoding="utf-8",
    )
    environment = {"PYTHONPATH": str(tmp_path)}
    with GatewayProcess(tmp_path, simulator.url, "--engine", "reference", environment=environment) as gateway:
        assert ask(gateway, "/v1/messages", MESSAGE).status == 200
        count = request(gateway.url, "POST", "/v1/messages/count_tokens", MESSAGE)
        assert count.json["input_tokens"] > 5
    state = subprocess.run(
        [sys.executable, "-m", "copilot_api", "debug", "--json"],
        env={**gateway.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(state.stdout)["engine"]["tokenizer"]["implementation"] == "reference"
