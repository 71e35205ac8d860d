"""compat.md section 7: what the original's own tests check, and the cases it asks for beyond 1 to 6."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.chat import frame, outline, sse, to_chat, to_message, tool, translate
from tests.support.http import events, request
from tests.support.process import GatewayProcess

ROLES = {"system", "user", "assistant", "tool"}
HI: list[Any] = [{"role": "user", "content": "hi"}]


def is_openai_request(value: Any) -> bool:
    """The loose yardstick of 7.1."""
    if not isinstance(value, dict) or not isinstance(value.get("model"), str):
        return False
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        return False
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES or "content" not in message:
            return False
    numbers = ("max_tokens", "temperature", "top_p")
    return all(isinstance(value[name], (int, float)) for name in numbers if value.get(name) is not None)


# 7.1 Request translation


def test_minimal_request_is_valid() -> None:
    assert is_openai_request(to_chat({"model": "m", "messages": HI, "max_tokens": 0}))


def test_full_request_is_valid() -> None:
    full = {
        "model": "m",
        "system": "s",
        "messages": [*HI, {"role": "assistant", "content": "hello"}],
        "temperature": 0.7,
        "max_tokens": 150,
        "top_p": 1,
        "stream": False,
        "metadata": {"user_id": "u"},
        "tools": [{"name": "t", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto"},
    }
    made = to_chat(full)
    assert is_openai_request(made)
    assert [message["role"] for message in made["messages"]] == ["system", "user", "assistant"]


def test_ill_typed_temperature_is_passed_on() -> None:
    made = to_chat({"model": "m", "messages": HI, "max_tokens": 1, "temperature": "hot"})
    assert not is_openai_request(made)


@pytest.mark.parametrize("with_tool", [False, True])
def test_thinking_and_text_both_appear(with_tool: bool) -> None:
    blocks: list[Any] = [{"type": "thinking", "thinking": "let me"}, {"type": "text", "text": "answer"}]
    if with_tool:
        blocks.append({"type": "tool_use", "id": "1", "name": "get_weather", "input": {}})
    request_body = {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": blocks}]}
    message = to_chat(request_body)["messages"][0]
    assert "let me" in message["content"]
    assert "answer" in message["content"]
    assert [call["function"]["name"] for call in message.get("tool_calls", [])] == ["get_weather"] * with_tool


# 7.1 Answer translation


def test_simple_text_answer() -> None:
    made = to_message(
        {
            "id": "chatcmpl-1",
            "model": "m",
            "choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
        }
    )
    assert (made["id"], made["stop_reason"], made["usage"]["input_tokens"]) == ("chatcmpl-1", "end_turn", 9)


def test_streams_hold_known_event_types_only() -> None:
    text = [frame(role="assistant"), frame("Hello"), frame(finish="stop"), "[DONE]"]
    tools = [
        frame(role="assistant"),
        frame(tools=[tool(id="1", name="t", arguments="")]),
        frame(tools=[tool(arguments='{"a":')]),
        frame(tools=[tool(arguments="1}")]),
        frame(finish="tool_calls"),
        "[DONE]",
    ]
    known = {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
    for chunks in (text, tools):
        stream, _ = translate(sse(*chunks), "messages")
        assert {name for name, _ in events(stream)} <= known
        assert outline(stream)[-1] == "stop"


# 7.2 Relay and limits


def test_a_thousand_chunks_in_one_read(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    frames = [frame(f"{number} ") for number in range(1000)]
    body = sse(*frames, frame(finish="stop"), "[DONE]")
    simulator.faults.add("/chat/completions", "raw_stream", body=body)
    asked = {"model": "gpt-4.1", "messages": HI, "stream": True}
    answer = request(gateway.url, "POST", "/v1/chat/completions", asked)
    assert [data for _, data in events(answer.body)] == [data for _, data in events(body)]


@pytest.mark.parametrize("size", [1, 3])
def test_data_cut_through_multi_byte_characters(
    gateway: GatewayProcess, simulator: SimulatorServer, size: int
) -> None:
    text = "é漢🚀\u2028"
    body = sse(frame(text), frame(finish="stop"), "[DONE]")
    for path in ("/v1/chat/completions", "/v1/messages"):
        simulator.faults.add("/chat/completions", "raw_stream", body=body, chunk_size=size)
        asked = {"model": "gpt-4.1", "messages": HI, "max_tokens": 9, "stream": True}
        answer = request(gateway.url, "POST", path, asked)
        assert any(
            text in json.dumps(json.loads(data), ensure_ascii=False) for _, data in events(answer.body)[:-1]
        )


def test_duplicate_members_the_last_wins(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    body = b'{"model":"nobody","model":"gpt-4.1","messages":[{"role":"user","content":"hi"}]}'
    assert request(gateway.url, "POST", "/v1/chat/completions", body).status == 200
    assert json.loads(simulator.state.requests[-1].body)["model"] == "gpt-4.1"
