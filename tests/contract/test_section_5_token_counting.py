"""compat.md section 5: `count_tokens` of the running program, in 0.7.0's numbers (Appendix B: unit tests)."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GatewayProcess

HI: list[Any] = [{"role": "user", "content": "hi"}]
TOOL: dict[str, Any] = {
    "name": "get_weather",
    "description": "Get the weather.",
    "input_schema": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "City name."}},
        "required": ["location"],
    },
}
MCP = {**TOOL, "name": "mcp__x__y"}
BETA = "claude-code-20250219"
MODELS = ("gpt-4o", "claude-sonnet-4.6", "grok-code-fast-1")


def count(gateway: GatewayProcess, body: Any, beta: str | None = None) -> int:
    headers = {"anthropic-beta": beta} if beta else {}
    answer = request(gateway.url, "POST", "/v1/messages/count_tokens", body, headers)
    assert answer.status == 200, answer.text
    assert list(answer.json) == ["input_tokens"]
    number: int = answer.json["input_tokens"]
    return number


@pytest.mark.parametrize(
    ("tools", "beta", "numbers"),
    [
        (None, None, (8, 9, 8)),
        ([TOOL], None, (50, 455, 546)),
        ([MCP], None, (54, 460, 550)),
        ([MCP], BETA, (54, 62, 56)),
        ([MCP], f"foo,{BETA}", (54, 460, 550)),
        ([TOOL, MCP], "claude-code-x", (84, 97, 87)),
        ([], None, (8, 9, 8)),
    ],
)
def test_table_of_5_5(
    gateway: GatewayProcess, tools: Any, beta: str | None, numbers: tuple[int, ...]
) -> None:
    for model, number in zip(MODELS, numbers, strict=True):
        body: dict[str, Any] = {"model": model, "messages": HI}
        if tools is not None:
            body["tools"] = tools
        assert count(gateway, body, beta) == number, model


def test_d_t3_dated_and_dashed_names_count_like_their_model(gateway: GatewayProcess) -> None:
    assert count(gateway, {"model": "claude-sonnet-4-6-20260101", "messages": HI}) == 9
    assert count(gateway, {"model": "claude-sonnet-4-6", "messages": HI}) == 9


def test_unknown_model_is_one(gateway: GatewayProcess) -> None:
    assert count(gateway, {"model": "nobody-knows", "messages": HI}) == 1
    gateway.errors.wait_for("Model not found, returning default token count")


def test_no_messages_are_zero(gateway: GatewayProcess) -> None:
    assert count(gateway, {"model": "gpt-4o", "messages": []}) == 0


def test_d_t27_special_token_text_is_ordinary_text(gateway: GatewayProcess) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "a <|endoftext|> b"}]}
    assert count(gateway, body) > 8


def test_d_t28_a_picture_does_not_count_by_its_bytes(gateway: GatewayProcess) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}],
    }
    assert count(gateway, body) < 2000


def test_d_h14_a_long_word_costs_linear_time(gateway: GatewayProcess) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "a" * 1_000_000}]}
    assert count(gateway, body) > 1000


def test_nothing_is_sent_upstream_and_no_slot_is_used(
    gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    before = len(simulator.state.requests)
    count(gateway, {"model": "gpt-4o", "messages": HI})
    assert len(simulator.state.requests) == before


def test_log_line_of_a_chat_completion(gateway: GatewayProcess) -> None:
    body = {"model": "gpt-4o", "messages": [*HI, {"role": "assistant", "content": "Hello!"}, *HI]}
    request(gateway.url, "POST", "/v1/chat/completions", body)
    gateway.output.wait_for(r"Current token count: \{ input: 13, output: 9 \}")
    request(gateway.url, "POST", "/v1/chat/completions", {"model": "nobody-knows", "messages": HI})
    gateway.errors.wait_for("No model selected, skipping token count calculation")
