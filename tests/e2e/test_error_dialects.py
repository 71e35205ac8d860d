"""Errors of upstream in each client's words (upstream.md 8.3 and 8.6), by the running program."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, request
from tests.support.process import GatewayProcess

SAY = [{"role": "user", "content": "hi"}]
JSON = {"content-type": "application/json"}
UPSTREAM = {"gpt-4.1": "/chat/completions", "claude-sonnet-4.6": "/v1/messages", "gpt-5.4": "/responses"}

REQUESTS: dict[str, Callable[[str, bool], tuple[str, Any]]] = {
    "chat": lambda model, stream: (
        "/v1/chat/completions",
        {"model": model, "messages": SAY, "stream": stream},
    ),
    "responses": lambda model, stream: ("/v1/responses", {"model": model, "input": "hi", "stream": stream}),
    "messages": lambda model, stream: (
        "/v1/messages",
        {"model": model, "messages": SAY, "max_tokens": 100, "stream": stream},
    ),
    "gemini": lambda model, stream: (
        f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent"),
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    ),
    "ollama": lambda model, stream: ("/api/chat", {"model": model, "messages": SAY, "stream": stream}),
}


@pytest.fixture(autouse=True)
def no_faults_left(simulator: SimulatorServer) -> Iterator[None]:
    yield
    simulator.faults.clear()


@pytest.fixture(scope="module")
def plain(simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose errors are in the dialects' own style."""
    home = tmp_path_factory.mktemp("home")
    with GatewayProcess(home, simulator.url, "--error-style", "dialect") as process:
        yield process


def ask(gateway: GatewayProcess, dialect: str, model: str = "gpt-4.1", *, stream: bool = False) -> Answer:
    path, body = REQUESTS[dialect](model, stream)
    return request(gateway.url, "POST", path, body)


def fail(
    simulator: SimulatorServer,
    status: int,
    error: dict[str, Any],
    headers: dict[str, str] | None = None,
    path: str = "/chat/completions",
) -> None:
    body = json.dumps({"error": error}).encode()
    simulator.faults.add(path, "status", status=status, body=body, headers=JSON | (headers or {}))


OVERFLOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (
        "gpt-4.1",
        {
            "message": "prompt token count of 391491 exceeds the limit of 128000",
            "code": "model_max_prompt_tokens_exceeded",
        },
    ),
    "messages": (
        "claude-sonnet-4.6",
        {
            "type": "invalid_request_error",
            "message": "prompt is too long: 391491 tokens > 128000 maximum",
            "code": "model_max_prompt_tokens_exceeded",
        },
    ),
    "responses": (
        "gpt-5.4",
        {
            "message": "Your input exceeds the context window of this model. Please adjust your input and "
            "try again.",
            "code": "invalid_request_body",
        },
    ),
}
NUMBERS = {"chat": (391_491, 128_000), "messages": (391_491, 128_000), "responses": (272_001, 272_000)}


def compacts(dialect: str, answer: Answer, leg: str = "chat") -> None:
    """Check the words that the dialect's clients look for."""
    tokens, limit = NUMBERS[leg]
    assert answer.status == 400, answer.text
    error = answer.json["error"]
    if dialect in ("chat", "responses"):
        assert error["code"] == "context_length_exceeded"
        if dialect == "responses":
            assert f"maximum context length is {limit} tokens" in error["message"]
    elif dialect == "messages":
        assert answer.json["type"] == "error"
        assert error["type"] == "invalid_request_error"
        assert error["message"] == f"prompt is too long: {tokens} tokens > {limit} maximum"
    elif dialect == "gemini":
        assert error["status"] == "INVALID_ARGUMENT"
        assert (
            "input token count (391491) exceeds the maximum number of tokens allowed (128000)"
            in error["message"]
        )
    else:
        assert str(tokens) in error


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("leg", OVERFLOWS)
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages", "gemini", "ollama"])
@pytest.mark.parametrize("style", ["compat", "dialect"])
def test_a_prompt_that_is_too_long_makes_each_client_compact(
    gateway: GatewayProcess,
    plain: GatewayProcess,
    simulator: SimulatorServer,
    dialect: str,
    leg: str,
    stream: bool,
    style: str,
) -> None:
    model, error = OVERFLOWS[leg]
    own = dialect == "chat" and leg == "messages"
    path = "/chat/completions" if own else UPSTREAM[model]
    fail(simulator, 400, error, {"content-type": "text/plain"} if leg == "responses" else None, path)
    answer = ask(gateway if style == "compat" else plain, dialect, model, stream=stream)
    compacts(dialect, answer, leg)


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages", "gemini", "ollama"])
def test_the_same_as_the_first_frame_of_a_stream(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: str
) -> None:
    body = b"data: " + json.dumps({"error": OVERFLOWS["chat"][1]}).encode() + b"\n\n"
    simulator.faults.add("/chat/completions", "raw_stream", body=body)
    compacts(dialect, ask(gateway, dialect, stream=True))


@pytest.mark.parametrize("dialect", ["messages", "gemini"])
def test_without_numbers_the_model_list_and_the_size_give_some(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: str
) -> None:
    fail(simulator, 413, {"message": "failed to parse request"})
    answer = ask(gateway, dialect)
    assert answer.status == 400
    found = re.findall(r"\d+", answer.json["error"]["message"])
    assert [int(number) for number in found] == [128_001, 128_000]


def test_compat_keeps_the_text_and_status_of_0_7_0_for_chat(
    gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    fail(simulator, 413, {"message": "failed to parse request"})
    answer = ask(gateway, "chat")
    assert answer.status == 413
    assert json.loads(answer.json["error"]["message"]) == {"error": {"message": "failed to parse request"}}
    assert answer.json["error"]["code"] == "context_length_exceeded"


SPENT = {"x-quota-snapshot-premium_interactions": "ent=300&rem=0&rst=2027-01-01T00%3A00%3A00Z"}


def test_a_spent_allowance(plain: GatewayProcess, simulator: SimulatorServer) -> None:
    told = {}
    for dialect in ("chat", "responses", "messages", "gemini", "ollama"):
        fail(simulator, 402, {"message": "You have no quota", "code": "quota_exceeded"}, SPENT)
        told[dialect] = ask(plain, dialect)
    assert told["chat"].status == 402
    assert told["chat"].json["error"]["type"] == "insufficient_quota"
    assert (told["messages"].status, told["messages"].json["error"]["type"]) == (402, "billing_error")
    assert (told["gemini"].status, told["gemini"].json["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "details" not in told["gemini"].json["error"]
    codex = told["responses"]
    assert (codex.status, codex.json["error"]["type"]) == (429, "usage_limit_reached")
    assert codex.json["error"]["resets_at"] == 1_798_761_600
    assert told["ollama"].status == 402
    for answer in told.values():
        assert "resets at 2027-01-01 00:00 UTC" in answer.text


def test_a_rate_limit(plain: GatewayProcess, simulator: SimulatorServer) -> None:
    told = {}
    for dialect in ("chat", "responses", "messages", "gemini", "ollama"):
        error = {"message": "Too many requests.", "code": "user_global_rate_limited:pro"}
        fail(simulator, 429, error, {"retry-after": "11"})
        told[dialect] = ask(plain, dialect)
        assert (told[dialect].status, told[dialect].headers["retry-after"]) == (429, "11")
        assert "Please try again in 11s." in told[dialect].text
    assert told["chat"].json["error"]["type"] == "rate_limit_error"
    assert told["messages"].json["error"]["type"] == "rate_limit_error"
    assert told["gemini"].json["error"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "11s"}
    ]


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages", "gemini", "ollama"])
def test_an_unknown_model(plain: GatewayProcess, dialect: str) -> None:
    answer = ask(plain, dialect, "nothing-like-it")
    assert answer.status == 404
    error = answer.json["error"]
    text = error if dialect == "ollama" else error["message"]
    assert text.startswith('model "nothing-like-it" not found')
    if dialect in ("chat", "responses"):
        assert (error["code"], error["param"]) == ("model_not_found", "model")
    if dialect == "messages":
        assert error["type"] == "not_found_error"
    if dialect == "gemini":
        assert error["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("status", "code", "google"),
    [
        (403, "forbidden", "PERMISSION_DENIED"),
        (500, "", "INTERNAL"),
        (503, "model_overloaded", "UNAVAILABLE"),
    ],
)
def test_other_statuses_at_google(
    gateway: GatewayProcess, simulator: SimulatorServer, status: int, code: str, google: str
) -> None:
    fail(simulator, status, {"message": "no", "code": code})
    answer = ask(gateway, "gemini")
    assert (answer.status, answer.json["error"]["status"], answer.json["error"]["code"]) == (
        status,
        google,
        status,
    )


def test_a_refused_picture_is_told_plainly(plain: GatewayProcess) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    body = {"model": "grok-code-fast-1", "max_tokens": 9, "messages": [{"role": "user", "content": [image]}]}
    answer = request(plain.url, "POST", "/v1/messages", body)
    assert answer.status == 400
    assert "images" in answer.json["error"]["message"]
