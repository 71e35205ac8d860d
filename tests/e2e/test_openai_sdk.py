"""The official OpenAI SDK against the running program: sync, async, streams, tools, images, abort, errors."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from copilot_api.simulator import SimulatorServer
from tests.support.process import GatewayProcess

MODELS = ("gpt-4.1", "claude-sonnet-4.6", "gemini-3.1-pro-preview", "grok-code-fast-1")
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "City name."}},
            "required": ["city"],
        },
    },
}


def png(width: int = 2, height: int = 2) -> str:
    """A real, tiny picture as a data URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\xff\x00\x00" * width for _ in range(height))
    body = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(body).decode()


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key="dummy", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
def test_whole_answer_of_each_vendor(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Say something about Lisbon."}]
    )
    assert len(answer.choices) == 1
    assert "Lisbon" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0


@pytest.mark.parametrize("model", MODELS)
def test_stream_of_each_vendor_equals_its_whole_answer(client: OpenAI, model: str) -> None:
    messages: Any = [{"role": "user", "content": "Describe Lisbon: é, 漢字 and 🚀 included."}]
    whole = client.chat.completions.create(model=model, messages=messages).choices[0].message.content
    text, reasons, usage = "", [], None
    for chunk in client.chat.completions.create(
        model=model, messages=messages, stream=True, stream_options={"include_usage": True}
    ):
        assert chunk.object == "chat.completion.chunk"
        usage = chunk.usage or usage
        for choice in chunk.choices:
            assert choice.index == 0
            text += choice.delta.content or ""
            if choice.finish_reason:
                reasons.append(choice.finish_reason)
    assert text == whole
    assert reasons == ["stop"]
    assert usage is not None
    assert usage.completion_tokens > 0


async def test_async_client_streams(gateway: GatewayProcess) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="dummy", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "Hello, Oslo"}], stream=True
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert "Oslo" in text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_tool_round_trip_of_each_vendor(client: OpenAI, model: str, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris? Use get_weather."}]
    message = ask(client, stream, model=model, messages=messages, tools=[WEATHER])
    (call,) = message["tool_calls"]
    assert message["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "get_weather"
    assert "Paris" in json.loads(call["function"]["arguments"])["city"]
    messages += [
        {"role": "assistant", "content": message["content"] or None, "tool_calls": message["tool_calls"]},
        {"role": "tool", "tool_call_id": call["id"], "content": "sunny, 31 degrees"},
    ]
    final = ask(client, stream, model=model, messages=messages, tools=[WEATHER])
    assert "sunny, 31 degrees" in final["content"]
    assert final["finish_reason"] == "stop"


def ask(client: OpenAI, stream: bool, **request: Any) -> dict[str, Any]:
    """One answer as plain data, put together from its pieces when it is streamed."""
    if not stream:
        choice = client.chat.completions.create(**request).choices[0]
        calls = [call.model_dump() for call in choice.message.tool_calls or []]
        return {
            "content": choice.message.content or "",
            "tool_calls": calls,
            "finish_reason": choice.finish_reason,
        }
    content, reason = "", None
    calls_by_index: dict[int, dict[str, Any]] = {}
    for chunk in client.chat.completions.create(stream=True, **request):
        for choice in chunk.choices:
            content += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for piece in choice.delta.tool_calls or []:
                call = calls_by_index.setdefault(
                    piece.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                )
                call["id"] = piece.id or call["id"]
                if piece.function is not None:
                    call["function"]["name"] += piece.function.name or ""
                    call["function"]["arguments"] += piece.function.arguments or ""
    return {"content": content, "tool_calls": list(calls_by_index.values()), "finish_reason": reason}


def test_parallel_tools_keep_their_places(client: OpenAI) -> None:
    for model in MODELS:
        message = ask(
            client,
            True,
            model=model,
            messages=[
                {"role": "user", "content": "Use get_weather twice in parallel: weather in Paris and Rome."}
            ],
            tools=[WEATHER],
        )
        calls = message["tool_calls"]
        assert len(calls) == 2, model
        assert len({call["id"] for call in calls}) == 2
        cities = [json.loads(call["function"]["arguments"])["city"] for call in calls]
        assert cities == ["Paris", "Rome"], model


def test_picture_reaches_the_model_with_the_vision_header(client: OpenAI, simulator: SimulatorServer) -> None:
    content: Any = [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": png()}},
    ]
    answer = client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content
    asked = [entry for entry in simulator.state.requests if entry.path == "/chat/completions"][-1]
    assert asked.headers["copilot-vision-request"] == "true"
    assert png().encode() in asked.body


def test_abort_reaches_the_upstream(client: OpenAI, simulator: SimulatorServer) -> None:
    simulator.faults.add(path="/chat/completions", kind="silence", after_frames=2, seconds=30)
    stream = client.chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "Tell a long story."}], stream=True
    )
    next(iter(stream))
    stream.close()
    asked = [entry for entry in simulator.state.requests if entry.path == "/chat/completions"][-1]
    assert simulator.state.wait_for(lambda: asked.client_gone)


def test_embeddings_of_similar_texts_are_near(client: OpenAI) -> None:
    answer = client.embeddings.create(
        model="text-embedding-3-small", input=["a cat sat", "a cat sat down", "stock market crash"]
    )
    first, near, far = (item.embedding for item in answer.data)

    def product(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert product(first, near) > product(first, far)


def test_bare_string_is_embedded(client: OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input="one text")
    assert len(answer.data) == 1
    assert answer.object == "list"


def test_models_are_listed(client: OpenAI) -> None:
    ids = [model.id for model in client.models.list()]
    assert set(MODELS) <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("request_body", "error", "words"),
    [
        ({"model": "gpt-4.1", "messages": "hi"}, openai.BadRequestError, "messages"),
        ({"model": "no-such-model", "messages": []}, openai.BadRequestError, "not supported"),
    ],
)
def test_errors_are_typed_and_say_why(
    client: OpenAI, request_body: Any, error: type[openai.APIStatusError], words: str
) -> None:
    with pytest.raises(error, match=words):
        client.chat.completions.create(**request_body)


def test_rate_limit_of_upstream_keeps_retry_after(client: OpenAI, simulator: SimulatorServer) -> None:
    body = b'{"error":{"message":"slow down","code":"rate_limited"}}'
    simulator.faults.add(
        path="/chat/completions", kind="status", status=429, headers={"retry-after": "7"}, body=body
    )
    with pytest.raises(openai.RateLimitError, match="slow down") as caught:
        client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.response.headers["retry-after"] == "7"


def test_d_h9_cut_stream_raises(client: OpenAI, simulator: SimulatorServer) -> None:
    simulator.faults.add(path="/chat/completions", kind="cut", after_frames=3)
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "Tell a story."}], stream=True
        ):
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    assert text
