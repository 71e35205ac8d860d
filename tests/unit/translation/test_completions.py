"""Old OpenAI completions, told as chat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, RequestFacts, RequestPlan, StreamPlan, Usage
from copilot_api.engine.reference.canonical import (
    Answer,
    AnswerContext,
    Finish,
    Reasoning,
    ReasoningPiece,
    Text,
    TextPiece,
    ToolCall,
    ToolStart,
)
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.support.chat import frame, sse
from tests.support.translating import TRANSLATION, answered, bytes_of, chunks, decoded, streamed, translated

ECHO = AnswerContext(echo={"prompt": "Once ", "usage": True})


def facts(value: Any) -> RequestFacts:
    return ReferenceValidation().inspect(bytes_of(value), "completions")


def test_facts() -> None:
    body = {"model": "m", "prompt": "p", "stream": True, "max_tokens": None}
    assert facts(body) == RequestFacts(
        *("completions", len(json.dumps(body)), "m", True, False, "user", "a completion is the user's"),
        messages=1,
        output_cap="null",
    )
    assert not facts({"model": "m", "prompt": ["p"], "stream": None}).stream
    assert facts({"model": "m", "prompt": "", "max_tokens": 1}).output_cap == "set"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ""),
        ({"prompt": "p"}, "model"),
        ({"model": "", "prompt": "p"}, "model"),
        ({"model": "m"}, "prompt"),
        ({"model": "m", "prompt": None}, "prompt"),
        ({"model": "m", "prompt": ["a", "b"]}, "prompt"),
        ({"model": "m", "prompt": []}, "prompt"),
        ({"model": "m", "prompt": [1, 2]}, "prompt"),
        ({"model": "m", "prompt": [[1, 2]]}, "prompt"),
    ],
)
def test_what_cannot_be_completed_is_refused_by_name(value: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        facts(value)
    assert caught.value.path == path


@pytest.mark.parametrize("name", ["n", "best_of"])
def test_one_completion_at_a_time(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decoded({"model": "m", "prompt": "p", name: 2}, "completions")
    assert caught.value.path == name


def test_the_prompt_becomes_a_message() -> None:
    request = {
        "model": "m",
        "prompt": ["Once "],
        "suffix": " end",
        "max_tokens": 7,
        "stop": ["\n"],
        "temperature": 0,
        "n": 1,
        "logprobs": 3,
        "echo": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": None,
    }
    made, result = translated(request, "completions", "chat")
    assert made == {
        "model": "m",
        "messages": [{"role": "user", "content": "Once "}],
        "max_tokens": 7,
        "stop": ["\n"],
        "stream": True,
        "temperature": 0,
    }
    assert result.rewrites == ("dropped suffix", "dropped logprobs")
    assert json.loads(result.context) == {"echo": {"prompt": "Once ", "usage": True}}
    assert translated({"model": "m", "prompt": "p"}, "completions", "chat")[1].context == b""


def test_a_whole_answer() -> None:
    blocks = (Reasoning("hm"), Text("upon"), Text(" a time"), ToolCall("c", "f", "{}"))
    made = answered(Answer("i", "m", blocks, Finish("length"), Usage(1, 2), 5), "completions", ECHO)
    assert made == {
        "id": "i",
        "object": "text_completion",
        "created": 5,
        "model": "m",
        "choices": [
            {"text": "Once upon a time", "index": 0, "logprobs": None, "finish_reason": "length"},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }
    bare = answered(Answer("i", "m", (), Finish("tool_calls"), None), "completions")
    assert bare["choices"][0] == {"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}
    assert "usage" not in bare


def test_a_stream() -> None:
    events = [ReasoningPiece("hm"), TextPiece("upon"), ToolStart(0, "c", "f"), TextPiece(" a time")]
    out = streamed("completions", *events, context=ECHO, usage=Usage(1, 2))
    frames = chunks(out)
    assert [frame["choices"][0]["text"] for frame in frames[:-1]] == ["Once ", "upon", " a time", ""]
    assert [frame["choices"][0]["finish_reason"] for frame in frames[:-1]] == [None, None, None, "stop"]
    assert frames[-1]["choices"] == []
    assert frames[-1]["usage"]["total_tokens"] == 3
    assert out.endswith("data: [DONE]\n\n")
    assert {(frame["id"], frame["object"], frame["created"], frame["model"]) for frame in frames} == {
        ("id-1", "text_completion", 1795390000, "model-1")
    }


def test_usage_only_where_it_was_asked_for_and_errors_in_band() -> None:
    assert all(
        frame["choices"] for frame in chunks(streamed("completions", TextPiece("x"), usage=Usage(1, 2)))
    )
    broken = streamed("completions", TextPiece("x"), finish=None)
    assert chunks(broken)[-1]["error"]["message"] == "it broke"
    assert "[DONE]" not in broken


def test_over_chat_end_to_end() -> None:
    context = TRANSLATION.request(
        b'{"model":"m","prompt":"Once ","echo":true}', RequestPlan("completions", "chat")
    ).context
    translator = TRANSLATION.stream(StreamPlan("completions", "chat", context=context))
    out = translator.feed(sse(frame("upon"), frame(finish="stop"), "[DONE]"))
    assert [entry["choices"][0]["text"] for entry in chunks(out.decode())] == ["Once ", "upon", ""]
    assert translator.keep_alive() == b": keep-alive\n\n"
