"""Answers of any leg as chat completions, whole and streamed (upstream.md 10.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference.canonical import (
    Answer,
    AnswerContext,
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
)
from copilot_api.engine.reference.formats.chat import opaque
from tests.support.translating import answered, chunks, decoded, streamed

USAGE = Usage(26, 5, 20, None, 3)
USAGE_JSON = {
    "prompt_tokens": 26,
    "completion_tokens": 5,
    "total_tokens": 31,
    "prompt_tokens_details": {"cached_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
LEGACY = AnswerContext(echo={"functions": True})


def answer(
    *blocks: Any, finish: str | None = "stop", usage: Usage | None = None, created: int | None = 7
) -> Answer:
    return Answer("id-1", "model-1", blocks, Finish(finish) if finish else None, usage, created)


def message(*blocks: Any, **more: Any) -> dict[str, Any]:
    choice = answered(answer(*blocks), "chat", **more)["choices"][0]
    made: dict[str, Any] = choice["message"]
    return made


def test_a_complete_answer() -> None:
    assert answered(answer(Text("Hel"), Text("lo"), usage=USAGE), "chat") == {
        "id": "id-1",
        "object": "chat.completion",
        "created": 7,
        "model": "model-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE_JSON,
    }


def test_content_is_null_beside_calls_and_arguments_are_never_empty() -> None:
    made = message(ToolCall("c1", "f", ""), ToolCall("c2", "g", '{"a":1}'))
    assert made["content"] is None
    assert [call["function"]["arguments"] for call in made["tool_calls"]] == ["{}", '{"a":1}']
    assert message()["content"] == ""
    assert message(Text("so"), ToolCall("c1", "f", "{}"))["content"] == "so"


@pytest.mark.parametrize(
    ("finish", "called", "reason"),
    [
        ("stop", False, "stop"),
        (None, False, "stop"),
        ("length", False, "length"),
        ("content_filter", False, "content_filter"),
        ("error", False, "stop"),
        ("stop", True, "tool_calls"),
        (None, True, "tool_calls"),
        ("function_call", True, "tool_calls"),
        ("length", True, "length"),
    ],
)
def test_finish_reasons(finish: str | None, called: bool, reason: str) -> None:
    blocks = [ToolCall("c", "f", "{}")] if called else [Text("x")]
    assert answered(answer(*blocks, finish=finish), "chat")["choices"][0]["finish_reason"] == reason
    if finish:
        events: list[AnswerEvent] = [ToolStart(0, "c", "f")] if called else [TextPiece("x")]
        frames = chunks(streamed("chat", *events, finish=finish))
        assert frames[-1]["choices"][0]["finish_reason"] == reason


def test_unknown_time_is_0_and_unknown_usage_is_left_out() -> None:
    made = answered(answer(Text("x"), created=None), "chat")
    assert made["created"] == 0
    assert "usage" not in made


def test_reasoning_by_both_names_with_its_carrier() -> None:
    made = message(Reasoning("hm", "tag"), Text("so"))
    assert made["reasoning_content"] == made["reasoning_text"] == "hm"
    assert made["reasoning_opaque"] == "tag"
    assert set(message(Reasoning("hm", "tag"), reasoning=False)) == {"role", "content", "refusal"}
    asked = AnswerContext(echo={"reasoning": True})
    assert message(Reasoning("hm", "tag"), context=asked, reasoning=False)["reasoning_text"] == "hm"


def test_freeform_calls() -> None:
    context = AnswerContext(custom=("patch",))
    wrapped = ToolCall("c1", "patch", '{"input":"*** raw"}')
    expected = [{"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** raw"}}]
    assert message(wrapped, context=context)["tool_calls"] == expected
    assert message(ToolCall("c1", "patch", "*** raw", custom=True))["tool_calls"] == expected
    assert message(ToolCall("c1", "patch", "not json"), context=context)["tool_calls"][0]["custom"][
        "input"
    ] == ("not json")


def test_legacy_function_calls() -> None:
    made = answered(answer(ToolCall("c1", "f", "")), "chat", LEGACY)["choices"][0]
    assert made["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in made["message"]
    assert made["finish_reason"] == "function_call"
    frames = chunks(
        streamed(
            "chat",
            ToolStart(0, "c1", "f"),
            ToolArguments(0, '{"a":'),
            ToolArguments(0, "1}"),
            ToolStart(1, "c2", "g"),
            context=LEGACY,
        )
    )
    deltas = [frame["choices"][0]["delta"] for frame in frames]
    assert deltas[1:] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a":'}},
        {"function_call": {"arguments": "1}"}},
        {},
    ]
    assert frames[-1]["choices"][0]["finish_reason"] == "function_call"


def test_a_stream_in_full() -> None:
    out = streamed("chat", TextPiece("Hello"), TextPiece(" there."), usage=USAGE)
    head = '{"id":"id-1","object":"chat.completion.chunk","created":1795390000,"model":"model-1",'
    assert out == "".join(
        f"data: {line}\n\n"
        for line in (
            head + '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,'
            '"finish_reason":null}]}',
            head
            + '"choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]}',
            head
            + '"choices":[{"index":0,"delta":{"content":" there."},"logprobs":null,"finish_reason":null}]}',
            head + '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}',
            head + '"choices":[],"usage":' + json.dumps(USAGE_JSON, separators=(",", ":")) + "}",
            "[DONE]",
        )
    )


def test_tool_deltas_interleaved_keep_their_index() -> None:
    frames = chunks(
        streamed(
            "chat",
            ToolStart(5, "c1", "f"),
            ToolStart(9, "c2", "g"),
            ToolArguments(9, "{}"),
            ToolArguments(5, '{"a"'),
            ToolArguments(5, ":1}"),
            ToolStart(11, "c3", "none"),
            ToolArguments(77, "lost"),
        )
    )
    deltas = [frame["choices"][0]["delta"]["tool_calls"][0] for frame in frames[1:-1]]
    assert deltas == [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 1, "function": {"arguments": "{}"}},
        {"index": 0, "function": {"arguments": '{"a"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
        {"index": 2, "id": "c3", "type": "function", "function": {"name": "none", "arguments": ""}},
        {"index": 2, "function": {"arguments": "{}"}},
    ]


def test_freeform_calls_stream_raw_or_are_unwrapped_at_the_end() -> None:
    raw = chunks(
        streamed(
            "chat",
            ToolStart(0, "c1", "patch", custom=True),
            ToolArguments(0, "***"),
            ToolArguments(0, " raw"),
        )
    )
    wrapped = chunks(
        streamed(
            "chat",
            ToolStart(0, "c1", "patch"),
            ToolArguments(0, '{"input":"***'),
            ToolArguments(0, ' raw"}'),
            context=AnswerContext(custom=("patch",)),
        )
    )
    for frames, pieces in ((raw, ["", "***", " raw"]), (wrapped, ["", "*** raw"])):
        entries = [frame["choices"][0]["delta"]["tool_calls"][0] for frame in frames[1:-1]]
        assert entries[0] == {
            "index": 0,
            "id": "c1",
            "type": "custom",
            "custom": {"name": "patch", "input": ""},
        }
        assert [entry["custom"]["input"] for entry in entries] == pieces


def test_reasoning_streams_and_its_carrier_comes_once_before_the_end() -> None:
    events = [ReasoningPiece("hm"), ReasoningCarrier("tag"), TextPiece("so")]
    deltas = [frame["choices"][0]["delta"] for frame in chunks(streamed("chat", *events))]
    assert deltas[1:] == [
        {"reasoning_content": "hm", "reasoning_text": "hm"},
        {"content": "so"},
        {"reasoning_opaque": "tag"},
        {},
    ]
    asked = AnswerContext(echo={"reasoning": True})
    assert streamed("chat", *events, reasoning=False, context=asked) == streamed("chat", *events)
    quiet = streamed("chat", *events, reasoning=False)
    assert "reasoning" not in quiet
    assert chunks(quiet)[1]["choices"][0]["delta"] == {"content": "so"}


def test_a_failure_is_in_band_without_an_end_mark() -> None:
    out = streamed("chat", TextPiece("x"), ReasoningCarrier("tag"), finish=None)
    assert out.endswith(
        'data: {"error":{"message":"it broke","type":"server_error","param":null,"code":"server_error"}}\n\n'
    )
    assert "[DONE]" not in out
    assert "reasoning_opaque" not in out


PIECES = st.lists(
    st.builds(
        lambda text, carrier, redacted: Reasoning("" if redacted else text, carrier, redacted),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
        st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6),
        st.booleans(),
    ),
    max_size=4,
)


@given(PIECES)
def test_reasoning_survives_the_round_trip_through_a_chat_client(pieces: list[Reasoning]) -> None:
    """What a client gets, whole or streamed, becomes the same pieces when it sends the message back."""
    whole = message(*pieces, Text("so"))
    events: list[AnswerEvent] = []
    for piece in pieces:
        events += [ReasoningPiece(piece.text)] if piece.text else []
        events.append(ReasoningCarrier(piece.carrier, piece.redacted))
    collected: dict[str, str] = {}
    for frame in chunks(streamed("chat", *events, TextPiece("so"))):
        for name, value in frame["choices"][0]["delta"].items():
            collected[name] = collected.get(name, "") + value
    for sent in (whole, collected):
        back = {key: value for key, value in sent.items() if value is not None}
        (turn,) = decoded({"model": "m", "messages": [back]}, "chat").conversation.turns
        assert turn.blocks == (*pieces, Text("so"))


def test_a_text_that_the_client_changed_keeps_no_carrier() -> None:
    carrier = opaque.pack([(2, False, "a"), (0, True, "b")])
    assert opaque.unpack("hm", carrier) == [Reasoning("hm", "a"), Reasoning("", "b", redacted=True)]
    assert opaque.unpack("hm!", carrier) == [Reasoning("hm!")]
    assert opaque.unpack("", carrier) == []
    for broken in ("", "{", "{}", "[1]", "[[1,true]]", '[["x",true,"c"]]', "[[-2,false,0]]"):
        assert opaque.unpack("hm", opaque.PARTS + broken) == [Reasoning("hm")]


def test_start_without_a_time() -> None:
    assert chunks(streamed("chat", start=Start("i", "m")))[0]["created"] == 0
