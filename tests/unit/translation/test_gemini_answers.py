"""Whole answers for Google's clients, and embeddings both ways."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, UnusableAnswer
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.gemini.embed import from_embeddings, to_embeddings
from tests.support.gemini import THOUGHTS, to_gemini

FIXTURES = Path(__file__).parents[2] / "fixtures/upstream"


def answered(finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "r1",
        "model": "gpt",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def called(name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_text() -> None:
    assert to_gemini(answered(content="hi")) == {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
        "modelVersion": "gpt",
        "responseId": "r1",
    }


def test_thoughts_calls_and_the_signature() -> None:
    message = {
        "content": "Now.",
        "reasoning_text": "hm",
        "reasoning_opaque": "opaque",
        "tool_calls": [called("a", ""), called("b", '{"x":1.50}')],
    }
    parts = to_gemini(answered("tool_calls", **message), context=THOUGHTS)["candidates"][0]["content"][
        "parts"
    ]
    assert parts[0] == {"text": "hm", "thought": True}
    assert parts[1] == {"text": "Now."}
    assert parts[2]["functionCall"] == {"id": "call_a", "name": "a", "args": {}}
    assert base64.b64decode(parts[2]["thoughtSignature"]) == b"copilot-api:chat:m:opaque"
    assert parts[3] == {"functionCall": {"id": "call_b", "name": "b", "args": {"x": 1.5}}}


def test_without_a_call_the_signature_is_on_the_text() -> None:
    found = to_gemini(answered(content="a", reasoning_text="hm", reasoning_opaque="o"))
    (part,) = found["candidates"][0]["content"]["parts"]
    assert part["text"] == "a"
    assert base64.b64decode(part["thoughtSignature"]) == b"copilot-api:chat:m:o"


def test_thoughts_alone_get_a_part_for_their_signature() -> None:
    found = to_gemini(answered(content="", reasoning_text="hm", reasoning_opaque="o"), context=THOUGHTS)
    parts = found["candidates"][0]["content"]["parts"]
    assert [set(part) for part in parts] == [{"text", "thought"}, {"text", "thoughtSignature"}]


def test_a_malformed_call() -> None:
    found = to_gemini(answered("tool_calls", content=None, tool_calls=[called("a", "{"), called("b", "{}")]))
    candidate = found["candidates"][0]
    assert [part["functionCall"]["name"] for part in candidate["content"]["parts"]] == ["b"]
    assert candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert candidate["finishMessage"] == "Malformed function call: a({)"


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        (None, "STOP"),
        ("new", "STOP"),
    ],
)
def test_finish_reasons(finish: str | None, reason: str) -> None:
    assert to_gemini(answered(finish, content="a"))["candidates"][0]["finishReason"] == reason


@pytest.mark.parametrize(
    "name", ["gpt_text", "claude_two_choices", "claude_anthropic_native", "claude_empty_choices"]
)
def test_recorded_answers(name: str) -> None:
    found = to_gemini(json.loads((FIXTURES / f"chat/{name}.json").read_text(encoding="utf-8")))
    (candidate,) = found["candidates"]
    assert candidate["finishReason"] in ("STOP", "MAX_TOKENS")
    assert candidate["content"]["parts"]
    usage = found["usageMetadata"]
    counts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert usage["totalTokenCount"] == sum(usage.get(count, 0) for count in counts)


# ------------------------------------------------------------------------------------- embeddings


def value(made: Any) -> Any:
    return jsontext.loads(json.dumps(made).encode())


def embedded(text: str, **members: Any) -> dict[str, Any]:
    return {"model": "models/e", "content": {"parts": [{"text": text}]}, **members}


def test_one_embedding() -> None:
    made = to_embeddings(
        value(embedded("a", outputDimensionality=256, taskType="SEMANTIC_SIMILARITY")), "e", batch=False
    )
    assert json.loads(jsontext.dumps(made)) == {"model": "e", "input": ["a"], "dimensions": 256}


def test_a_batch() -> None:
    body = {
        "requests": [
            embedded("a", output_dimensionality=8),
            embedded("b", embedContentConfig={"outputDimensionality": 8}),
        ]
    }
    made = to_embeddings(value(body), "e", batch=True)
    assert json.loads(jsontext.dumps(made)) == {"model": "e", "input": ["a", "b"], "dimensions": 8}


@pytest.mark.parametrize(
    ("body", "batch", "path"),
    [
        ({}, False, "content"),
        ([], False, ""),
        ({}, True, "requests"),
        ({"requests": [embedded("a"), {}]}, True, "requests[1].content"),
        ({"content": {"parts": [{"inlineData": {}}]}}, False, "content.parts[0]"),
        (embedded(""), False, "content"),
        (
            {"requests": [embedded("a", outputDimensionality=8), embedded("b")]},
            True,
            "requests[].outputDimensionality",
        ),
    ],
)
def test_embeddings_that_cannot_be_had(body: Any, batch: bool, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        to_embeddings(value(body), "e", batch=batch)
    assert caught.value.path == path


def test_embeddings_come_back_in_order() -> None:
    answer = value({"data": [{"index": 1, "embedding": [0.25]}, {"index": 0, "embedding": [0.5]}]})
    assert json.loads(jsontext.dumps(from_embeddings(answer, batch=True))) == {
        "embeddings": [{"values": [0.5]}, {"values": [0.25]}]
    }
    assert json.loads(jsontext.dumps(from_embeddings(answer, batch=False))) == {
        "embedding": {"values": [0.5]}
    }


@pytest.mark.parametrize("answer", [{}, {"data": []}, {"data": [{"embedding": "AAAA"}]}, [], {"data": [5]}])
def test_answers_without_embeddings(answer: Any) -> None:
    with pytest.raises(UnusableAnswer):
        from_embeddings(value(answer), batch=True)
