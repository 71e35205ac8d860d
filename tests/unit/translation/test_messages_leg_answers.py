"""Claude's own answers and streams as the canonical model has them (upstream.md 6.4, 10.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import UnusableAnswer, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    AnswerEvent,
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
    UsageSeen,
)
from copilot_api.engine.reference.formats.messages.decode_answer import decode_answer
from copilot_api.engine.reference.formats.messages.decode_stream import StreamDecoder
from copilot_api.engine.reference.formats.messages.replay import frames_of
from tests.support.messages import FIXTURES, frames

SIGNATURE = "8/FaI+Q/E4js5FwvALpBv9KSCyJ51ANwdlX2FTwRQgVkV2HvDLZp5MmHm7Lbtkxf3Y3hAhHzB/0NA2a2"
USAGE = Usage(1080, 1, 0, 0)


def decoded(name: str) -> tuple[list[AnswerEvent], StreamDecoder]:
    return events_of(frames((FIXTURES / f"upstream/messages/{name}.sse").read_bytes()))


def events_of(given: list[dict[str, Any]]) -> tuple[list[AnswerEvent], StreamDecoder]:
    decoder = StreamDecoder()
    events: list[AnswerEvent] = []
    for frame in given:
        events += decoder.frame(jsontext.loads(json.dumps(frame).encode()))
    return events + decoder.end(), decoder


def test_thinking_and_tools() -> None:
    events, decoder = decoded("thinking_tools")
    usage = Usage(5312, 140, 5000, 300, 60, 91500000)
    assert events == [
        Start("msg_vrtx_000000000000000000000000", "claude-opus-4-6", USAGE),
        ReasoningPiece("The user wants the weather"),
        ReasoningPiece(" in two cities."),
        ReasoningCarrier(SIGNATURE),
        TextPiece("I'll check."),
        ToolStart(0, "toolu_vrtx_01AAAAAAAAAAAAAAAAAAAAAA", "get_weather"),
        ToolArguments(0, '{"city": "To'),
        ToolArguments(0, 'kyo"}'),
        ToolStart(1, "toolu_vrtx_01BBBBBBBBBBBBBBBBBBBBBB", "list_all"),
        ToolArguments(1, "{}"),
        UsageSeen(usage),
    ]
    assert decoder.finish == Finish("tool_calls")
    assert decoder.usage == usage


def test_text_with_the_extras() -> None:
    events, decoder = decoded("text")
    assert events[1:] == [
        TextPiece("Hello"),
        TextPiece(" there."),
        UsageSeen(Usage(1080, 12, 0, 0, None, 342000000)),
    ]
    assert (decoder.response_id, decoder.model) == ("msg_bdrk_000000000000000000000000", "claude-sonnet-4-6")


def test_redacted_thinking_is_marked_in_its_carrier() -> None:
    events, _ = decoded("redacted_thinking")
    assert isinstance(events[1], ReasoningCarrier)
    assert events[1].redacted
    assert events[1].value.startswith("redacted:4MxPrMUUMaDupDUi")


def test_a_refusal() -> None:
    assert decoded("refusal")[1].finish == Finish("content_filter")


@pytest.mark.parametrize(
    ("stop", "sequence", "finish"),
    [
        ("stop_sequence", "END", Finish("stop", "END")),
        ("max_tokens", None, Finish("length")),
        ("model_context_window_exceeded", None, Finish("length")),
        ("pause_turn", None, Finish("stop")),
        ("novel", None, Finish("stop")),
        (None, None, Finish("stop")),
    ],
)
def test_stop_reasons(stop: str | None, sequence: str | None, finish: Finish) -> None:
    delta = {"stop_reason": stop, "stop_sequence": sequence}
    _, decoder = events_of([{"type": "message_delta", "delta": delta}])
    assert decoder.finish == finish
    assert bool(decoder.reason) == bool(stop)


def test_a_stream_that_breaks_keeps_what_was_whole() -> None:
    given = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "a", "name": "t"},
        },
    ]
    events, decoder = events_of(given)
    assert events == [Start("", "", None), ToolStart(0, "a", "t"), ReasoningCarrier("s")]
    assert decoder.reason == ""


def test_odd_frames_give_nothing() -> None:
    odd = [
        {},
        {"type": 1},
        {"type": "ping"},
        {"type": "content_block_start", "content_block": 4},
        {"type": "content_block_delta", "index": "x", "delta": {"type": "text_delta", "text": None}},
        {
            "type": "content_block_delta",
            "index": 9,
            "delta": {"type": "input_json_delta", "partial_json": "{"},
        },
        {"type": "content_block_stop", "index": 12},
        {"type": "message_delta", "delta": None, "usage": 3},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "server_tool_use", "id": "x"}},
    ]
    assert events_of(odd)[0] == [Start("", "", None)]


def test_a_call_that_comes_with_its_input() -> None:
    block = {"type": "tool_use", "id": "a", "name": "t", "input": {"x": 1}}
    given = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_stop", "index": 0},
    ]
    assert events_of(given)[0][1:] == [ToolStart(0, "a", "t"), ToolArguments(0, '{"x":1}')]


def test_a_whole_answer() -> None:
    value = jsontext.loads((FIXTURES / "upstream/messages/nonstream.json").read_bytes())
    answer = decode_answer(value)
    assert answer.blocks == (
        Text("I'll check."),
        ToolCall("toolu_bdrk_01AAAAAAAAAAAAAAAAAAAAAA", "get_weather", '{"city":"Tokyo"}'),
    )
    assert (answer.finish, answer.usage) == (Finish("tool_calls"), Usage(1080, 65, 0, 0))
    thoughts = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "novelty"},
    ]
    assert decode_answer({"content": thoughts}).blocks == (
        Reasoning("hm", "s"),
        Reasoning("", "redacted:d", redacted=True),
    )
    for odd in ([], {}, {"content": None}):
        with pytest.raises(UnusableAnswer):
            decode_answer(odd)


def test_a_replayed_answer_gives_the_events_of_the_answer() -> None:
    value = jsontext.loads((FIXTURES / "upstream/messages/nonstream.json").read_bytes())
    decoder = StreamDecoder()
    events = [event for _, frame in frames_of(value) for event in decoder.frame(frame)]
    assert events[1:-1] == [
        TextPiece("I'll check."),
        ToolStart(0, "toolu_bdrk_01AAAAAAAAAAAAAAAAAAAAAA", "get_weather"),
        ToolArguments(0, '{"city":"Tokyo"}'),
    ]
    assert (decoder.finish, decoder.usage) == (Finish("tool_calls"), Usage(1080, 65, 0, 0))
