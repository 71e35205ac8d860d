"""Answers in Ollama's format, whole and as lines (upstream.md 10.5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.interfaces import StreamPlan, Usage
from copilot_api.engine.reference import context as contexts
from copilot_api.engine.reference.canonical import (
    Answer,
    AnswerContext,
    Finish,
    Reasoning,
    ReasoningCarrier,
    ReasoningPiece,
    Start,
    Text,
    TextPiece,
    ToolArguments,
    ToolCall,
    ToolStart,
)
from tests.support.chat import frame, sse, tool
from tests.support.translating import TRANSLATION, answered, chunks, streamed

FIXTURES = Path(__file__).parents[2] / "fixtures/upstream/clients"
CHAT = AnswerContext(echo={"model": "gpt-5.4"})
GENERATE = AnswerContext(echo={"model": "gpt-5.4", "generate": True})
USAGE = Usage(26, 5)
END = {
    "done_reason": "stop",
    "done": True,
    "total_duration": 0,
    "load_duration": 0,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 0,
    "eval_count": 5,
    "eval_duration": 0,
}
HEAD = {"model": "gpt-5.4", "created_at": "2026-11-22T21:26:40Z"}
START = Start("id", "upstream-name", None, 1795382800)


def lines(*events: Any, start: Any = START, **more: Any) -> list[dict[str, Any]]:
    more.setdefault("context", CHAT)
    return chunks(streamed("ollama", *events, start=start, **more))


def message(content: str = "", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **more}}


def test_a_stream_is_a_line_each() -> None:
    out = streamed(
        *("ollama", ReasoningPiece("Greeting."), TextPiece("Hello"), ReasoningCarrier("c")),
        usage=USAGE,
        context=CHAT,
        start=START,
    )
    assert out.count("\n") == 3
    assert not out.startswith("data:")
    assert [json.loads(line) for line in out.splitlines()] == [
        {**HEAD, **message(thinking="Greeting."), "done": False},
        {**HEAD, **message("Hello"), "done": False},
        {**HEAD, **message(), **END},
    ]
    assert "thinking" not in streamed("ollama", ReasoningPiece("Greeting."), reasoning=False, context=CHAT)
    asked = AnswerContext(echo={**CHAT.echo, "reasoning": True})
    assert "thinking" in streamed("ollama", ReasoningPiece("Greeting."), reasoning=False, context=asked)


def shape(value: Any) -> Any:
    """The members and types of a line, times and durations apart."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    return [shape(entry) for entry in value] if isinstance(value, list) else type(value)


def test_lines_have_the_shape_of_recorded_ones() -> None:
    text = [json.loads(line) for line in (FIXTURES / "ollama_chat.ndjson").read_text().splitlines()]
    made = lines(ReasoningPiece("Greeting."), TextPiece("Hello"), usage=USAGE)
    assert shape(made) == shape(text)
    called = [json.loads(line) for line in (FIXTURES / "ollama_chat_tools.ndjson").read_text().splitlines()]
    made = lines(ToolStart(3, "call_1", "get_weather"), ToolArguments(3, '{"city":"Tokyo"}'), usage=USAGE)
    assert shape(made) == shape(called)
    assert made[0]["message"] == called[0]["message"]


def test_calls_come_whole_and_together() -> None:
    made = lines(
        TextPiece("so"),
        *(ToolStart(0, "c1", "a"), ToolStart(1, "c2", "b"), ToolArguments(1, "[1"), ToolArguments(0, '{"x"')),
        *(ToolArguments(0, ":1}"), ToolArguments(1, "]"), ToolStart(2, "c3", "c"), ToolArguments(9, "lost")),
        finish="tool_calls",
    )
    assert [line["done"] for line in made] == [False, False, True]
    assert made[1]["message"]["tool_calls"] == [
        {"id": "c1", "function": {"index": 0, "name": "a", "arguments": {"x": 1}}},
        {"id": "c2", "function": {"index": 1, "name": "b", "arguments": {"_raw": "[1]"}}},
        {"id": "c3", "function": {"index": 2, "name": "c", "arguments": {}}},
    ]
    assert made[2]["done_reason"] == "stop"


def test_generate_says_response() -> None:
    made = lines(ReasoningPiece("hm"), TextPiece("Hello"), usage=USAGE, context=GENERATE, finish="length")
    assert made == [
        {**HEAD, "response": "", "thinking": "hm", "done": False},
        {**HEAD, "response": "Hello", "done": False},
        {**HEAD, "response": "", **END, "done_reason": "length"},
    ]


def test_an_error_is_a_line_and_ends_the_stream() -> None:
    made = lines(TextPiece("x"), ToolStart(0, "c", "f"), ToolArguments(0, "{}"), finish=None)
    assert made == [{**HEAD, **message("x"), "done": False}, {"error": "it broke"}]


def test_whole_answers() -> None:
    blocks = (
        Reasoning("hm", "c"),
        Text("Hel"),
        Text("lo"),
        ToolCall("c1", "f", '{"a":1.50}'),
        ToolCall("c2", "g", ""),
    )
    given = Answer("id", "upstream-name", blocks, Finish("tool_calls"), USAGE, 1795382800)
    calls = [
        {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1.5}}},
        {"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}},
    ]
    assert answered(given, "ollama", CHAT) == {
        **HEAD,
        **message("Hello", thinking="hm", tool_calls=calls),
        **END,
    }
    assert answered(given, "ollama", CHAT, reasoning=False)["message"].keys() == {
        "role",
        "content",
        "tool_calls",
    }
    assert answered(given, "ollama", GENERATE) == {**HEAD, "response": "Hello", "thinking": "hm", **END}


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, "1970-01-01T00:00:00Z"),
        (0, "1970-01-01T00:00:00Z"),
        (-5, "1970-01-01T00:00:00Z"),
        (951782399, "2000-02-28T23:59:59Z"),
        (951782400, "2000-02-29T00:00:00Z"),
        (951868800, "2000-03-01T00:00:00Z"),
        (4107542399, "2100-02-28T23:59:59Z"),
        (4107542400, "2100-03-01T00:00:00Z"),
        (253402300799, "9999-12-31T23:59:59Z"),
        (253402300800, "1970-01-01T00:00:00Z"),
    ],
)
def test_times(seconds: int | None, written: str) -> None:
    given = Answer("i", "m", (), None, None, seconds)
    made = answered(given, "ollama")
    assert made["created_at"] == written
    assert made["model"] == "m"
    assert "eval_count" not in made


def test_over_chat_end_to_end_with_a_keep_alive_that_is_a_line() -> None:
    plan = StreamPlan("ollama", "chat", context=contexts.write(CHAT), framing="lines")
    translator = TRANSLATION.stream(plan)
    first = json.loads(translator.keep_alive())
    assert first == {"model": "gpt-5.4", "created_at": "1970-01-01T00:00:00Z", **message(), "done": False}
    out = translator.feed(
        sse(
            frame("Hello"),
            frame(tools=[tool(id="c1", name="f", arguments='{"a":')]),
            frame(
                tools=[tool(arguments="1}")],
                finish="tool_calls",
                usage={"prompt_tokens": 26, "completion_tokens": 5},
            ),
            "[DONE]",
        )
    )
    made = [json.loads(line) for line in out.splitlines()]
    assert made[0]["message"] == {"role": "assistant", "content": "Hello"}
    assert made[1]["message"]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    assert made[2]["eval_count"] == 5
    assert translator.done


def test_a_stream_that_fails_at_once_is_a_refusal() -> None:
    translator = TRANSLATION.stream(StreamPlan("ollama", "chat"))
    assert translator.feed(sse({"error": {"message": "no", "code": "rate_limited"}})) == b""
    assert translator.refusal is not None
    assert translator.refusal.status == 429
