"""Endpoints beside chat and messages, by the running program: Gemini's, Ollama's, completions, Responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, raw, request
from tests.support.process import GatewayProcess

KEY = "a-key-of-this-test"


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def served(
    request: pytest.FixtureRequest, simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """The gateway under each server."""
    home = tmp_path_factory.mktemp("home")
    with GatewayProcess(home, simulator.url, "--server", request.param) as process:
        yield process


@pytest.fixture(scope="module")
def locked(simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that wants a key."""
    with GatewayProcess(tmp_path_factory.mktemp("home"), simulator.url, "--api-key", KEY) as process:
        yield process


# Codex's WebSocket


@pytest.mark.parametrize("path", ["/v1/responses", "/responses"])
def test_a_websocket_upgrade_gets_426_and_json(served: GatewayProcess, path: str) -> None:
    answer = raw(
        served.url,
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nConnection: Upgrade, close\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode(),
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 426 ")
    assert json.loads(body)["error"]["code"] == "no_websocket"


def test_without_an_upgrade_it_is_not_found(served: GatewayProcess) -> None:
    assert (request(served.url, "GET", "/v1/responses").status) == 404


# Keys


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": f"Bearer {KEY}"}, ""),
        ({"x-api-key": KEY}, ""),
        ({"x-goog-api-key": KEY}, ""),
        ({}, f"?key={KEY}"),
        ({}, f"?alt=sse&key={KEY}"),
    ],
)
def test_keys_are_taken_from_where_clients_put_them(
    locked: GatewayProcess, headers: dict[str, str], query: str
) -> None:
    assert request(locked.url, "GET", f"/v1beta/models{query}", headers=headers).status == 200


def test_a_wrong_key_is_told_in_the_dialect_and_none_is_logged(locked: GatewayProcess) -> None:
    wrong = request(locked.url, "GET", "/v1beta/models?key=guessed-wrongly")
    assert (wrong.status, wrong.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert request(locked.url, "GET", "/api/tags").json == {
        "error": "a valid key is needed: send it as Authorization: Bearer KEY or x-api-key: KEY"
    }
    request(locked.url, "GET", f"/v1beta/models?key={KEY}&pageSize=4")
    locked.output.wait_for(r"<-- GET /v1beta/models\?key=(?:\*\*\*|\[redacted\])&pageSize=4")
    assert KEY not in locked.output.text + locked.errors.text
    assert "guessed-wrongly" not in locked.output.text + locked.errors.text


# Gemini

SAY: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Say something about Lisbon."}]}]}


def gemini(
    served: GatewayProcess, model: str, method: str, body: Any = SAY, version: str = "v1beta"
) -> Answer:
    return request(served.url, "POST", f"/{version}/models/{model}:{method}", body)


def text_of(answers: list[Any]) -> str:
    parts = [part for answer in answers for part in answer["candidates"][0]["content"].get("parts", ())]
    return "".join(part["text"] for part in parts if not part.get("thought"))


@pytest.mark.parametrize("version", ["v1beta", "v1"])
@pytest.mark.parametrize("model", ["gemini-2.5-pro", "claude-sonnet-4.6", "gpt-4.1", "models%2Fgpt-4.1"])
def test_gemini_answers_whole_and_streamed_alike(served: GatewayProcess, version: str, model: str) -> None:
    whole = gemini(served, model, "generateContent", version=version)
    if "%2F" in model:
        assert whole.status == 404  # a slash is no part of a name, also when it is encoded
        return
    assert whole.status == 200, whole.text
    text = text_of([whole.json])
    assert "Lisbon" in text
    as_array = gemini(served, model, "streamGenerateContent", version=version)
    assert as_array.headers["content-type"] == "application/json"
    assert text_of(as_array.json) == text
    as_events = gemini(served, model, "streamGenerateContent?alt=sse", version=version)
    assert as_events.headers["content-type"] == "text/event-stream"
    lines = [line for line in as_events.text.splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert text_of([json.loads(line[6:]) for line in lines]) == text


def test_gemini_counts_and_embeds(served: GatewayProcess) -> None:
    counted = gemini(served, "gemini-2.5-pro", "countTokens")
    assert counted.json["totalTokens"] > 5
    wrapped = gemini(
        served,
        "gemini-2.5-pro",
        "countTokens",
        {"generateContentRequest": {"model": "models/gemini-2.5-pro", **SAY}},
    )
    assert wrapped.json == counted.json
    content = {"content": {"parts": [{"text": "Lisbon"}]}}
    one = gemini(served, "gemini-embedding-001", "embedContent", content)
    assert len(one.json["embedding"]["values"]) > 10
    batch = {"requests": [{"model": "models/gemini-embedding-001", **content}] * 2}
    both = gemini(served, "gemini-embedding-001", "batchEmbedContents", batch)
    assert [entry["values"] for entry in both.json["embeddings"]] == [one.json["embedding"]["values"]] * 2


def test_gemini_side_calls_get_a_cheap_model(served: GatewayProcess, simulator: SimulatorServer) -> None:
    answer = gemini(served, "gemini-2.5-flash-lite", "generateContent")
    assert answer.status == 200, answer.text
    assert simulator.state.billed[-1].model == "gpt-5-mini"
    assert "a cheap model, for a side call" in answer.headers["x-copilot-api-rewrites"]


def test_gemini_errors(served: GatewayProcess) -> None:
    unknown = gemini(served, "nothing-like-it", "generateContent")
    assert (unknown.status, unknown.json["error"]["status"]) == (404, "NOT_FOUND")
    bad = gemini(served, "gpt-4.1", "generateContent", {"contents": 7})
    assert (bad.status, bad.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert request(served.url, "POST", "/v1beta/models/gpt-4.1:predict", {}).text == "404 Not Found"


# Ollama


def test_ollama_tells_of_models(served: GatewayProcess) -> None:
    assert request(served.url, "GET", "/api/version").json == {"version": "0.12.6"}
    assert request(served.url, "GET", "/api/ps").json == {"models": []}
    tags = request(served.url, "GET", "/api/tags").json["models"]
    assert {"gpt-4.1", "claude-opus-4.6"} <= {entry["name"] for entry in tags}
    assert "gpt-41-copilot" not in {entry["name"] for entry in tags}
    assert len({entry["digest"] for entry in tags}) == len(tags)
    shown = request(served.url, "POST", "/api/show", {"model": "claude-opus-4.6:latest"}).json
    architecture = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{architecture}.context_length"] == 200_000
    assert {"completion", "tools", "vision"} <= set(shown["capabilities"])
    older = request(served.url, "POST", "/api/show", {"name": "text-embedding-3-small"}).json
    assert older["capabilities"] == ["embedding"]
    unknown = request(served.url, "POST", "/api/show", {"model": "nothing"})
    assert (unknown.status, unknown.json) == (404, {"error": 'model "nothing" not found'})


@pytest.mark.parametrize("model", ["gpt-4.1:latest", "claude-sonnet-4.6"])
def test_ollama_chats(served: GatewayProcess, model: str) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "Say something about Lisbon."}]}
    streamed = request(served.url, "POST", "/api/chat", body)
    assert streamed.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in streamed.text.splitlines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    whole = request(served.url, "POST", "/api/chat", body | {"stream": False})
    assert whole.headers["content-type"] == "application/json"
    assert whole.json["message"]["content"] == "".join(line["message"]["content"] for line in lines)
    assert whole.json["done_reason"] == "stop"
    made = request(
        served.url, "POST", "/api/generate", {"model": model, "prompt": "Say hi.", "stream": False}
    )
    assert made.json["response"]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/api/chat", {"model": "gpt-4.1", "messages": []}, "load"),
        ("/api/chat", {"model": "gpt-4.1"}, "load"),
        ("/api/generate", {"model": "gpt-4.1"}, "load"),
        ("/api/generate", {"model": "gpt-4.1", "keep_alive": 0}, "unload"),
    ],
)
def test_ollama_loads_without_asking_anybody(
    served: GatewayProcess, simulator: SimulatorServer, path: str, body: Any, reason: str
) -> None:
    before = len(simulator.state.requests)
    answer = request(served.url, "POST", path, body | {"stream": False}).json
    assert (answer["done"], answer["done_reason"]) == (True, reason)
    streamed = request(served.url, "POST", path, body)
    assert streamed.headers["content-type"] == "application/x-ndjson"
    assert len(simulator.state.requests) == before


def test_ollama_embeds(served: GatewayProcess) -> None:
    both = request(served.url, "POST", "/api/embed", {"model": "nomic-embed-text", "input": ["a", "b"]}).json
    assert len(both["embeddings"]) == 2
    one = request(served.url, "POST", "/api/embed", {"model": "nomic-embed-text", "input": "a"}).json
    assert one["embeddings"] == both["embeddings"][:1]
    older = request(served.url, "POST", "/api/embeddings", {"model": "nomic-embed-text", "prompt": "a"}).json
    assert older == {"embedding": one["embeddings"][0]}
    bad = request(served.url, "POST", "/api/embed", {"model": "x", "input": 7})
    assert (bad.status, list(bad.json)) == (400, ["error"])


def test_ollama_errors(served: GatewayProcess) -> None:
    body = {"model": "nothing-like-it", "messages": [{"role": "user", "content": "hi"}]}
    unknown = request(served.url, "POST", "/api/chat", body)
    assert unknown.status == 404
    assert unknown.json["error"].startswith('model "nothing-like-it" not found')


# Completions


@pytest.mark.parametrize("path", ["/v1/completions", "/completions"])
def test_completions(served: GatewayProcess, path: str) -> None:
    body = {"model": "gpt-4.1", "prompt": "Say something about Lisbon.", "max_tokens": 100}
    answer = request(served.url, "POST", path, body)
    assert answer.status == 200, answer.text
    assert answer.json["object"] == "text_completion"
    assert "Lisbon" in answer.json["choices"][0]["text"]
    streamed = request(served.url, "POST", path, body | {"stream": True})
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.text.endswith("data: [DONE]\n\n")


# What no model of the kind can do


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_model_that_only_completes_code_is_refused(served: GatewayProcess, path: str) -> None:
    body = {"model": "gpt-41-copilot", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = request(served.url, "POST", path, body)
    assert answer.status == 404
    assert "gpt-41-copilot" in answer.json["error"]["message"]


def test_home_stays_that_of_0_7_0(served: GatewayProcess, tmp_path: Path) -> None:
    assert request(served.url, "GET", "/").text == "Server running"
    assert request(served.url, "HEAD", "/").body == b""


# Compaction


def test_a_conversation_is_compacted(served: GatewayProcess, simulator: SimulatorServer) -> None:
    items = [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Say hello."}],
            "id": "m1",
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
    ]
    body = {"model": "gpt-5.4", "instructions": "Be short.", "input": items}
    answer = request(served.url, "POST", "/v1/responses/compact", body)
    assert answer.status == 200, answer.text
    kept, summary = answer.json["output"]
    assert kept == {name: value for name, value in items[0].items() if name != "id"}
    assert summary["role"] == "user"
    assert "hand-over" in summary["content"][0]["text"]
    assert simulator.state.requests[-1].headers["x-initiator"] == "agent"
    # What came back is an input again.
    again = request(served.url, "POST", "/v1/responses", {"model": "gpt-5.4", "input": answer.json["output"]})
    assert again.status == 200, again.text
    for wrong in ({"model": "gpt-5.4"}, [], {"model": "gpt-5.4", "input": []}):
        refused = request(served.url, "POST", "/v1/responses/compact", wrong)
        assert refused.status == 400


def test_the_cache_leaves_other_dialects_alone(simulator: SimulatorServer, tmp_path: Path) -> None:
    content = {"content": {"parts": [{"text": "Lisbon"}]}}
    asked: list[tuple[str, Any]] = [
        ("/v1beta/models/gpt-4.1:generateContent", SAY | {"generationConfig": {"temperature": 0}}),
        ("/v1beta/models/gemini-embedding-001:embedContent", content),
        ("/api/embed", {"model": "nomic-embed-text", "input": "a"}),
        ("/v1/responses", {"model": "gpt-4.1", "input": "hi", "temperature": 0}),
    ]
    with GatewayProcess(tmp_path, simulator.url, "--cache", "1M") as gateway:
        for path, body in asked:
            for _ in range(2):
                answer = request(gateway.url, "POST", path, body)
                assert answer.status == 200, answer.text
                assert "x-copilot-api-cache" not in answer.headers
