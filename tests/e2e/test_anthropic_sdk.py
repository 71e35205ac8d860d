"""The official Anthropic SDK against the running program, its requests translated to the chat leg."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from copilot_api.simulator import SimulatorServer
from tests.e2e.test_openai_sdk import png
from tests.support.process import GatewayProcess

ENDPOINTS = (("claude-sonnet-4.6", "/v1/messages"), ("gpt-4.1", "/chat/completions"))
"""A model and the endpoint that it is reached by."""
MODELS = ("claude-sonnet-4.6", "gpt-4.1", "gemini-3.1-pro-preview")
WEATHER: Any = {
    "name": "get_weather",
    "description": "Get the weather.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "City name."}},
        "required": ["city"],
    },
}


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.url, api_key="dummy", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
def test_whole_answer(client: Anthropic, model: str) -> None:
    answer = client.messages.create(
        model=model, max_tokens=500, messages=[{"role": "user", "content": "Say something about Lisbon."}]
    )
    (block,) = answer.content
    assert block.type == "text"
    assert "Lisbon" in block.text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


@pytest.mark.parametrize("model", MODELS)
def test_stream_equals_the_whole_answer(client: Anthropic, model: str) -> None:
    request: Any = {
        "model": model,
        "max_tokens": 500,
        "system": "Answer briefly.",
        "messages": [{"role": "user", "content": "Describe Lisbon: é, 漢字 and 🚀 included."}],
    }
    whole = client.messages.create(**request).content[0].text
    with client.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


def test_d_t20_message_start_carries_an_estimate(client: Anthropic) -> None:
    with client.messages.stream(
        model="gpt-4.1", max_tokens=50, messages=[{"role": "user", "content": "word " * 400}]
    ) as stream:
        first = next(event for event in stream if event.type == "message_start")
    assert 300 < first.message.usage.input_tokens < 700


async def test_async_client_streams(gateway: GatewayProcess) -> None:
    async with (
        AsyncAnthropic(base_url=gateway.url, auth_token="dummy", max_retries=0) as client,
        client.messages.stream(
            model="claude-sonnet-4.6",
            max_tokens=100,
            messages=[{"role": "user", "content": "Hello, Oslo"}],
        ) as stream,
    ):
        text = "".join([piece async for piece in stream.text_stream])
    assert "Oslo" in text


@pytest.mark.parametrize("model", MODELS)
def test_tool_round_trip(client: Anthropic, model: str) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris? Use get_weather."}]
    with client.messages.stream(model=model, max_tokens=500, messages=messages, tools=[WEATHER]) as stream:
        first = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    (call,) = (block for block in first.content if block.type == "tool_use")
    assert call.input == {"city": "Paris"}
    messages += [
        {"role": "assistant", "content": [block.model_dump() for block in first.content]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 31 degrees"}],
        },
    ]
    final = client.messages.create(model=model, max_tokens=500, messages=messages, tools=[WEATHER])
    assert "sunny, 31 degrees" in final.content[0].text


@pytest.mark.parametrize(("model", "endpoint"), ENDPOINTS)
def test_picture_in_a_tool_result(
    client: Anthropic, simulator: SimulatorServer, model: str, endpoint: str
) -> None:
    data = png().partition(",")[2]
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    answer = client.messages.create(
        model=model,
        max_tokens=500,
        tools=[WEATHER],
        messages=[
            {"role": "user", "content": "Look at the map."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [picture]}],
            },
        ],
    )
    assert answer.content
    asked = [entry for entry in simulator.state.requests if entry.path == endpoint][-1]
    assert asked.headers["copilot-vision-request"] == "true"
    assert asked.headers["x-initiator"] == "agent"
    assert data.encode() in asked.body


@pytest.mark.parametrize(("model", "endpoint"), ENDPOINTS)
def test_abort_reaches_the_upstream(
    client: Anthropic, simulator: SimulatorServer, model: str, endpoint: str
) -> None:
    simulator.faults.add(path=endpoint, kind="silence", after_frames=4, seconds=30)
    with client.messages.stream(
        model=model,
        max_tokens=500,
        messages=[{"role": "user", "content": "Tell a long story."}],
    ) as stream:
        next(iter(stream.text_stream))
    asked = [entry for entry in simulator.state.requests if entry.path == endpoint][-1]
    assert simulator.state.wait_for(lambda: asked.client_gone)


def test_count_tokens(client: Anthropic) -> None:
    counted = client.messages.count_tokens(
        model="claude-sonnet-4.6", messages=[{"role": "user", "content": "hi"}]
    )
    assert counted.input_tokens == 9


def test_models_are_listed(client: Anthropic) -> None:
    assert {model.id for model in client.models.list(limit=1000)} >= {"claude-sonnet-4.6", "gpt-4.1"}


def test_errors_are_typed_and_say_why(client: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.role") as caught:
        client.messages.create(
            model="claude-sonnet-4.6",
            max_tokens=5,
            messages=[{"role": "narrator", "content": "x"}],  # type: ignore[typeddict-item]
        )
    body: Any = caught.value.body
    assert body["type"] == "error"


@pytest.mark.parametrize(("model", "endpoint"), ENDPOINTS)
def test_d_h9_cut_stream_raises(
    client: Anthropic, simulator: SimulatorServer, model: str, endpoint: str
) -> None:
    simulator.faults.add(path=endpoint, kind="cut", after_frames=3)
    pieces = []
    with (
        pytest.raises(anthropic.APIError),
        client.messages.stream(
            model=model,
            max_tokens=500,
            messages=[{"role": "user", "content": "Tell a story."}],
        ) as stream,
    ):
        pieces.extend(stream.text_stream)
    assert simulator.state.requests
