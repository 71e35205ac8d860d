"""The simulator's Responses and Messages endpoints: what they refuse, and the quirks of their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, events, request

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASK = "What is the weather in Paris and Rome?"
MESSAGES: dict[str, Any] = {
    "model": "claude-opus-4.6",
    "max_tokens": 4000,
    "messages": [{"role": "user", "content": ASK}],
    "tools": [{"name": "get_weather", "input_schema": WEATHER}],
}
RESPONSES: dict[str, Any] = {
    "model": "gpt-5.4",
    "input": ASK,
    "store": False,
    "tools": [{"type": "function", "name": "get_weather", "parameters": WEATHER}],
}
THINK = {"type": "enabled", "budget_tokens": 2000}


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


def ask(simulator: SimulatorServer, headers: dict[str, str], body: dict[str, Any]) -> Answer:
    path = "/responses" if "input" in body else "/v1/messages"
    return request(simulator.url, "POST", path, body, headers)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"store": True}, "store is not supported"),
        ({"max_output_tokens": 5}, "minimum value of 16"),
        ({"temperature": 0}, "Unsupported parameter: 'temperature'"),
        ({"service_tier": "auto"}, "Unknown parameter: 'service_tier'"),
        ({"reasoning": {"effort": "gigantic"}}, "gigantic"),
        ({"tools": [], "tool_choice": "required"}, "no tools were specified"),
        ({"tools": [{"type": "web_search"}]}, "web_search"),
        ({"input": [{"type": "reasoning", "id": "x1", "summary": []}]}, "begins with 'rs'"),
        ({"input": [{"type": "reasoning", "encrypted_content": "b3RoZXI="}]}, "could not be verified"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]}, "No tool call found"),
        ({"model": "gpt-4.1"}, "not accessible via the /responses endpoint"),
    ],
)
def test_responses_refuses(
    simulator: SimulatorServer, headers: dict[str, str], change: dict[str, Any], words: str
) -> None:
    answer = ask(simulator, headers, {**RESPONSES, **change})
    assert answer.status == 400
    assert words in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 10**6}, "which is the maximum allowed"),
        ({"service_tier": "auto"}, "service_tier: Extra inputs"),
        ({"messages": [{"role": "assistant", "content": "So"}]}, "prefill"),
        ({"messages": [{"role": "user", "content": " "}]}, "non-whitespace"),
        ({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]}, "role"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "budget_tokens"),
        ({"temperature": 1, "top_p": 1}, "cannot both"),
        ({"tools": [{"name": "x", "input_schema": {**WEATHER, "$schema": "y"}}]}, "schema is invalid"),
        ({"tools": [{"name": "x", "input_schema": WEATHER, "eager_input_streaming": True}]}, "eager_input"),
        ({"context_management": {}}, "context_management: Extra inputs"),
        ({"model": "gpt-5.4"}, "not accessible via the /v1/messages endpoint"),
    ],
)
def test_messages_refuses(
    simulator: SimulatorServer, headers: dict[str, str], change: dict[str, Any], words: str
) -> None:
    answer = ask(simulator, headers, {**MESSAGES, **change})
    assert answer.status == 400
    assert words in answer.json["error"]["message"]


def test_responses_streams_with_an_id_for_each_event(
    simulator: SimulatorServer, headers: dict[str, str]
) -> None:
    body = {**RESPONSES, "stream": True, "reasoning": {"effort": "high"}}
    found = [json.loads(data) for _, data in events(ask(simulator, headers, body).body)]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert found[-1]["type"] == "response.completed"
    calls = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert [call["type"] for call in calls] == ["reasoning", "message", "function_call", "function_call"]
    assert [json.loads(call["arguments"])["city"] for call in calls[2:]] == ["Paris", "Rome"]
    ids = [event["item_id"] for event in found if "item_id" in event]
    assert len(set(ids)) == len(ids)


def test_messages_takes_back_only_the_thinking_that_it_signed(
    simulator: SimulatorServer, headers: dict[str, str]
) -> None:
    content = ask(simulator, headers, {**MESSAGES, "thinking": THINK}).json["content"]
    assert [block["type"] for block in content] == ["thinking", "text", "tool_use", "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "sunny"} for block in content[2:]
    ]

    def replay(blocks: list[dict[str, Any]]) -> Answer:
        turns = [*MESSAGES["messages"], {"role": "assistant", "content": blocks}]
        turns.append({"role": "user", "content": results})
        return ask(simulator, headers, {**MESSAGES, "thinking": THINK, "messages": turns})

    answer = replay(content)
    assert "sunny" in answer.json["content"][-1]["text"]
    altered = replay([{**content[0], "thinking": "something else"}, *content[1:]])
    assert altered.status == 400
    assert "Invalid `signature`" in altered.json["error"]["message"]


def test_messages_streams_with_a_mark_that_is_not_its_own(
    simulator: SimulatorServer, headers: dict[str, str]
) -> None:
    body = ask(simulator, headers, {**MESSAGES, "stream": True}).body
    assert body.endswith(b"data: [DONE]\n\n")
    kinds = [name for name, _ in events(body.removesuffix(b"data: [DONE]\n\n"))]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
