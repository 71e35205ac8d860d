"""The simulator by itself: it checks tokens and headers, speaks each vendor's quirks, and fails on demand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from copilot_api.simulator.conversation import decide
from tests.support.http import Answer, events, raw, request

MODELS = Path(__file__).parents[2] / "fixtures/upstream/models/models.json"
HELLO: list[Any] = [{"role": "user", "content": "Hello, Lisbon"}]
WRITE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "Write",
        "parameters": {
            "type": "object",
            "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
            "required": ["file_path", "content"],
        },
    },
}


@pytest.fixture(scope="module")
def headers(simulator: SimulatorServer) -> dict[str, str]:
    token = request(
        simulator.url, "GET", "/copilot_internal/v2/token", headers={"authorization": "token ghu_testtoken"}
    ).json["token"]
    return {
        "authorization": f"Bearer {token}",
        "editor-version": "vscode/1",
        "copilot-integration-id": "vscode-chat",
    }


def chat(simulator: SimulatorServer, headers: dict[str, str], model: str = "gpt-4.1", **body: Any) -> Answer:
    return request(
        simulator.url, "POST", "/chat/completions", {"model": model, "messages": HELLO, **body}, headers
    )


def test_device_flow_approves_itself(simulator: SimulatorServer) -> None:
    code = request(simulator.url, "POST", "/login/device/code", {"client_id": "x"}).json
    assert code["verification_uri"].startswith(simulator.url)
    answers = [
        request(simulator.url, "POST", "/login/oauth/access_token", {"device_code": code["device_code"]}).json
        for _ in range(2)
    ]
    assert answers[0]["error"] == "authorization_pending"
    assert answers[1]["access_token"].startswith("ghu_")


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"authorization": "Bearer tid=forged"}, 401, "token expired"),
        ({"authorization": ""}, 401, "unauthorized"),
        ({"editor-version": None}, 400, "missing Editor-Version"),
        ({"copilot-integration-id": "stranger"}, 400, "model_not_supported"),
    ],
)
def test_headers_are_enforced(
    simulator: SimulatorServer, headers: dict[str, str], change: dict[str, Any], status: int, words: str
) -> None:
    sent = {name: value for name, value in {**headers, **change}.items() if value is not None}
    answer = chat(simulator, sent)
    assert answer.status == status
    assert words in answer.text


def test_tokens_expire_and_can_be_revoked() -> None:
    with SimulatorServer() as simulator:
        token, _ = simulator.state.issue_token()
        sent = {
            "authorization": f"Bearer {token}",
            "editor-version": "v",
            "copilot-integration-id": "vscode-chat",
        }
        assert request(simulator.url, "GET", "/models", headers=sent).status == 200
        simulator.revoke_tokens()
        assert request(simulator.url, "GET", "/models", headers=sent).status == 401
        simulator.state.clock = lambda: 0.0
        token, _ = simulator.state.issue_token()
        sent["authorization"] = f"Bearer {token}"
        simulator.state.clock = lambda: 1801.0
        assert request(simulator.url, "GET", "/models", headers=sent).status == 401


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("gpt-5.4", "unsupported_api_for_model"),
        ("o-disabled-example", "model_not_supported"),
        ("gpt-41-copilot", "model_not_supported"),
        ("text-embedding-3-small", "model_not_supported"),
        ("nobody", "model_not_supported"),
    ],
)
def test_models_that_do_not_chat(
    simulator: SimulatorServer, headers: dict[str, str], model: str, code: str
) -> None:
    answer = chat(simulator, headers, model)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)


def test_model_list_has_the_shapes_of_the_recording(simulator: SimulatorServer) -> None:
    listed = request(simulator.url, "GET", "/_simulator/models").json["data"]
    ids = [entry["id"] for entry in listed]
    assert len(set(ids)) < len(ids)
    assert {"Anthropic", "OpenAI", "Azure OpenAI", "Google", "xAI"} <= {entry["vendor"] for entry in listed}
    assert any("supported_endpoints" not in entry for entry in listed)
    recorded = {entry["id"]: entry for entry in json.loads(MODELS.read_bytes())["data"]}
    for entry in listed:
        if entry["id"] in recorded and entry["capabilities"]["type"] == "chat":
            theirs = recorded[entry["id"]]
            assert entry["vendor"] == theirs["vendor"]
            assert ("supported_endpoints" in entry) == ("supported_endpoints" in theirs)


def test_picture_needs_its_header(simulator: SimulatorServer, headers: dict[str, str]) -> None:
    content = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]
    messages = [{"role": "user", "content": content}]
    assert "Copilot-Vision-Request" in chat(simulator, headers, messages=messages).text
    seeing = {**headers, "copilot-vision-request": "true"}
    assert "picture" in chat(simulator, seeing, messages=messages).text
    assert chat(simulator, seeing, "grok-code-fast-1", messages=messages).status == 400


def test_context_overflow(simulator: SimulatorServer, headers: dict[str, str]) -> None:
    answer = chat(simulator, headers, "gpt-4o-mini", messages=[{"role": "user", "content": "x" * 60_000}])
    assert answer.json["error"]["code"] == "model_max_prompt_tokens_exceeded"


def streamed(answer: Answer) -> list[Any]:
    assert events(answer.body)[-1] == (None, "[DONE]")
    return [json.loads(data) for _, data in events(answer.body)[:-1]]


def test_quirks_of_the_vendors(simulator: SimulatorServer, headers: dict[str, str]) -> None:
    prompt = [{"role": "user", "content": "Write a file named a.txt with the content: b"}]
    body = {"messages": prompt, "tools": [WRITE], "stream": True}
    gpt = streamed(chat(simulator, headers, "gpt-4.1", **body))
    assert gpt[0]["choices"] == []
    assert "prompt_filter_results" in gpt[0]
    assert gpt[-1]["choices"] == []
    assert gpt[-1]["copilot_usage"]["total_nano_aiu"] == simulator.state.billed[-1].nano_aiu
    claude = streamed(chat(simulator, headers, "claude-sonnet-4.6", **body))
    assert {choice["index"] for frame in claude for choice in frame["choices"]} == {0, 1}
    assert all("object" not in frame for frame in claude)
    gemini = streamed(chat(simulator, headers, "gemini-2.5-pro", **body))
    assert all("usage" in frame for frame in gemini)
    assert gemini[-1]["choices"][0]["finish_reason"] == "stop"
    whole = chat(simulator, headers, "claude-sonnet-4.6", messages=prompt, tools=[WRITE]).json
    assert len(whole["choices"]) == 2


def test_cached_tokens_of_a_repeated_prefix(simulator: SimulatorServer, headers: dict[str, str]) -> None:
    messages = [{"role": "user", "content": "a prefix that nobody else has used " * 20}]
    first = chat(simulator, headers, messages=messages).json["usage"]
    second = chat(simulator, headers, messages=[*messages, *HELLO]).json["usage"]
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] > 100


def test_embeddings_are_deterministic_and_need_a_list(
    simulator: SimulatorServer, headers: dict[str, str]
) -> None:
    body = {"model": "text-embedding-3-small", "input": ["a b c"], "dimensions": 16}
    one, two = (request(simulator.url, "POST", "/embeddings", body, headers).json for _ in range(2))
    assert one == two
    assert len(one["data"][0]["embedding"]) == 16
    assert request(simulator.url, "POST", "/embeddings", {**body, "input": "a"}, headers).status == 400


@pytest.mark.parametrize("kind", ["cut", "close"])
def test_truncation_is_real(simulator: SimulatorServer, headers: dict[str, str], kind: str) -> None:
    simulator.faults.add("/chat/completions", kind, after_frames=2)
    body = json.dumps({"model": "gpt-4.1", "messages": HELLO, "stream": True}).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    payload = f"POST /chat/completions HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    try:
        answer = raw(simulator.url, payload.encode() + body)
    except ConnectionResetError:
        answer = b""
    assert not answer.endswith(b"0\r\n\r\n")
    assert (answer == b"") is (kind == "close")


def test_faults_over_http(simulator: SimulatorServer) -> None:
    request(simulator.url, "POST", "/_simulator/faults", {"path": "/user", "kind": "status", "status": 418})
    assert request(simulator.url, "GET", "/user").status == 418
    assert request(simulator.url, "GET", "/user").status == 401
    with pytest.raises(ValueError, match="no fault"):
        simulator.faults.add("/user", "earthquake")


@pytest.mark.parametrize(
    ("prompt", "arguments"),
    [
        (
            "Write a file named hello.txt with the content: hello there",
            {"file_path": "/w/hello.txt", "content": "hello there"},
        ),
        (
            'Create a file called "/tmp/x.md" containing "# Title"',
            {"file_path": "/tmp/x.md", "content": "# Title"},
        ),
    ],
)
def test_files_are_written_where_the_conversation_says(prompt: str, arguments: dict[str, str]) -> None:
    reminder = "<system-reminder>\n - Primary working directory: /w\n</system-reminder>"
    answer = decide({"messages": [{"role": "user", "content": reminder + prompt}], "tools": [WRITE]})
    assert answer.calls[0].arguments == arguments


def test_schema_is_satisfied() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "s": {"enum": ["a", "b"]}, "l": {"type": "array"}},
        "required": ["n", "s", "l"],
    }
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    made = json.loads(decide({"messages": HELLO, "response_format": form}).text)
    assert made["n"] == 1
    assert made["s"] == "a"
    assert isinstance(made["l"], list)


def test_length_and_stop() -> None:
    assert decide({"messages": HELLO, "max_tokens": 2}).finish_reason == "length"
    assert "Lisbon" not in decide({"messages": HELLO, "stop": ["Lisbon"]}).text
