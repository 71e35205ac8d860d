"""Refusals that are mended: another endpoint, a member left out, no reasoning; told, remembered, bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, request
from tests.support.process import GatewayProcess

CHAT, MESSAGES = "/chat/completions", "/v1/messages"
REWRITES = "x-copilot-api-rewrites"
HELLO: list[Any] = [{"role": "user", "content": "hi"}]


@pytest.fixture
def alone(simulator: SimulatorServer, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway that has learnt nothing yet."""
    simulator.faults.clear()
    with GatewayProcess(tmp_path, simulator.url, "--verbose") as process:
        yield process
    simulator.faults.clear()


@pytest.fixture
def strict(simulator: SimulatorServer, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway that loses nothing silently."""
    with GatewayProcess(tmp_path, simulator.url, "--strict") as process:
        yield process


def refuse(simulator: SimulatorServer, path: str, message: str, code: str | None = None, **more: Any) -> None:
    times = more.pop("times", 1)
    status = more.pop("status", 400)
    body = json.dumps({"error": {"message": message, "code": code, **more}}).encode()
    headers = {"content-type": "application/json"}
    simulator.faults.add(path, "status", status=status, body=body, headers=headers, times=times)


def paths(simulator: SimulatorServer, since: int) -> list[str]:
    return [entry.path for entry in simulator.state.requests[since:]]


def sent(simulator: SimulatorServer) -> Any:
    return json.loads(simulator.state.requests[-1].body)


def chat(gateway: GatewayProcess, model: str, **members: Any) -> Answer:
    return request(
        gateway.url, "POST", "/v1/chat/completions", {"model": model, "messages": HELLO, **members}
    )


def messages(gateway: GatewayProcess, model: str, **members: Any) -> Answer:
    body = {"model": model, "max_tokens": 200, "messages": HELLO, **members}
    return request(gateway.url, "POST", "/v1/messages", body)


@pytest.mark.parametrize("stream", [False, True])
def test_another_endpoint_is_tried_once_and_remembered(
    alone: GatewayProcess, simulator: SimulatorServer, stream: bool
) -> None:
    refuse(simulator, CHAT, 'model "x" is not accessible via the /chat/completions endpoint')
    begin = len(simulator.state.requests)
    answer = chat(alone, "claude-sonnet-4.6", stream=stream)
    assert answer.status == 200, answer.text
    assert paths(simulator, begin) == [CHAT, MESSAGES]
    assert chat(alone, "claude-sonnet-4.6", stream=stream).status == 200
    assert paths(simulator, begin) == [CHAT, MESSAGES, MESSAGES]


def test_a_model_with_one_endpoint_is_not_sent_round(
    alone: GatewayProcess, simulator: SimulatorServer
) -> None:
    refuse(simulator, CHAT, "no", "unsupported_api_for_model", times=5)
    begin = len(simulator.state.requests)
    assert chat(alone, "gpt-4.1").status == 400
    assert paths(simulator, begin) == [CHAT]


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_member_is_left_out_once_and_remembered(
    alone: GatewayProcess, simulator: SimulatorServer, stream: bool
) -> None:
    refuse(simulator, CHAT, "Unsupported parameter: 'seed' is not supported with this model.")
    begin = len(simulator.state.requests)
    answer = chat(alone, "gpt-4.1", seed=7, stream=stream, top_p=0.5)
    assert answer.status == 200, answer.text
    assert paths(simulator, begin) == [CHAT, CHAT]
    assert "seed" not in sent(simulator)
    assert sent(simulator)["top_p"] == 0.5
    assert "dropped seed" in answer.headers[REWRITES]
    again = chat(alone, "gpt-4.1", seed=7)
    assert paths(simulator, begin) == [CHAT, CHAT, CHAT]
    assert "dropped seed" in again.headers[REWRITES]
    assert chat(alone, "gpt-4o", seed=7).status == 200
    assert sent(simulator)["seed"] == 7


def test_a_member_that_is_not_there_is_not_left_out(
    alone: GatewayProcess, simulator: SimulatorServer
) -> None:
    refuse(simulator, CHAT, "Unsupported parameter: 'seed' is not supported with this model.", times=3)
    begin = len(simulator.state.requests)
    assert chat(alone, "gpt-4.1").status == 400
    assert paths(simulator, begin) == [CHAT]


def test_mending_has_an_end(alone: GatewayProcess, simulator: SimulatorServer) -> None:
    for name in ("seed", "top_p", "user", "logprobs", "presence_penalty", "frequency_penalty"):
        refuse(simulator, CHAT, f"Unsupported parameter: '{name}' is not supported with this model.")
    begin = len(simulator.state.requests)
    members = {
        "seed": 1,
        "top_p": 1,
        "user": "u",
        "logprobs": True,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }
    assert chat(alone, "gpt-4.1", **members).status == 400
    assert len(paths(simulator, begin)) == 4


def test_reasoning_of_another_model_is_sent_no_second_time(
    alone: GatewayProcess, simulator: SimulatorServer
) -> None:
    history: list[Any] = [
        *HELLO,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "of-somebody-else"},
                {"type": "text", "text": "hello"},
            ],
        },
        {"role": "user", "content": "and now?"},
    ]
    begin = len(simulator.state.requests)
    answer = messages(alone, "claude-sonnet-4.6", messages=history)
    assert answer.status == 200, answer.text
    assert paths(simulator, begin) == [MESSAGES, MESSAGES]
    assert b"of-somebody-else" in simulator.state.requests[begin].body
    assert b"of-somebody-else" not in simulator.state.requests[begin + 1].body
    assert REWRITES in answer.headers


def test_what_cannot_be_mended_is_sent_once(alone: GatewayProcess, simulator: SimulatorServer) -> None:
    for status in (400, 402, 422, 429, 500, 503):
        refuse(simulator, CHAT, "something else", "other", status=status)
        begin = len(simulator.state.requests)
        assert chat(alone, "gpt-4.1").status == status
        assert paths(simulator, begin) == [CHAT]


def test_a_seat_that_changed_is_tried_once_with_a_new_token(
    alone: GatewayProcess, simulator: SimulatorServer
) -> None:
    plain = {"content-type": "text/plain"}
    simulator.faults.add(
        CHAT, "status", status=403, body=b"access to this endpoint is forbidden\n", headers=plain
    )
    assert chat(alone, "gpt-4.1").status == 200
    simulator.faults.add(
        CHAT, "status", status=403, body=b"access to this endpoint is forbidden\n", headers=plain
    )
    # The token is new: asking for another would help nobody.
    assert chat(alone, "gpt-4.1").status == 403


def test_strict_refuses_what_loses_something(strict: GatewayProcess, simulator: SimulatorServer) -> None:
    begin = len(simulator.state.requests)
    tool = {"type": "web_search_20250305", "name": "web_search"}
    refused = messages(strict, "gpt-4.1", tools=[tool])
    assert refused.status == 400
    assert "--strict" in refused.json["error"]["message"]
    assert paths(simulator, begin) == []
    assert messages(strict, "gpt-4.1").status == 200


def test_rewrites_are_told_on_streams_too(gateway: GatewayProcess) -> None:
    for stream in (False, True):
        answer = chat(gateway, "GPT-4.1", stream=stream)
        assert answer.headers[REWRITES] == (
            "model GPT-4.1 -> gpt-4.1: case; output cap set to the model's limit of 16384"
        )
    assert REWRITES not in chat(gateway, "gpt-4.1", max_tokens=5).headers


def test_the_clients_word_on_who_asks_is_taken(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    body = {"model": "gpt-4.1", "messages": HELLO}
    for headers, initiator in (
        ({}, "user"),
        ({"x-initiator": "agent"}, "agent"),
        ({"x-initiator": "Agent"}, "agent"),
        ({"x-initiator": "root"}, "user"),
        ({"x-openai-subagent": "review"}, "agent"),
        ({"x-openai-subagent": "review", "x-initiator": "user"}, "agent"),
    ):
        request(gateway.url, "POST", "/v1/chat/completions", body, headers)
        assert simulator.state.requests[-1].headers["x-initiator"] == initiator
    history = [*HELLO, {"role": "assistant", "content": "hello"}]
    request(
        gateway.url, "POST", "/v1/chat/completions", body | {"messages": history}, {"x-initiator": "user"}
    )
    assert simulator.state.requests[-1].headers["x-initiator"] == "user"


def test_headers_of_the_messages_endpoint(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    betas = "claude-code-20250219,context-management-2025-06-27,tool-search-tool-2025-10-19"
    body = {"model": "claude-sonnet-4.5", "max_tokens": 50, "messages": HELLO}
    headers = {"anthropic-version": "2026-10-21", "anthropic-beta": betas}
    assert request(gateway.url, "POST", "/v1/messages?beta=true", body, headers).status == 200
    asked = simulator.state.requests[-1]
    assert asked.path == MESSAGES
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert asked.headers["anthropic-beta"] == "context-management-2025-06-27,advanced-tool-use-2025-11-20"
    assert asked.headers["openai-intent"] == "messages-proxy"
    large = {"anthropic-beta": "context-1m-2025-08-07"}
    request(gateway.url, "POST", "/v1/messages", body | {"model": "claude-opus-4-6"}, large)
    assert sent(simulator)["model"] == "claude-opus-4.6-1m"
    assert "anthropic-beta" not in simulator.state.requests[-1].headers
