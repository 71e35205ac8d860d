"""What Anthropic clients ask of other models, and how reasoning comes back to them (compat.md 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import RequestPlan, StreamPlan, Usage
from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.canonical import (
    AnswerContext,
    AnswerEvent,
    Decoded,
    File,
    Finish,
    Reasoning,
    ReasoningCarrier,
    ReasoningPiece,
    Start,
    Text,
    TextPiece,
    Thinking,
    ToolStart,
)
from copilot_api.engine.reference.formats.messages.answer import usage_json
from copilot_api.engine.reference.formats.messages.decode_request import decode_request
from copilot_api.engine.reference.formats.messages.encode_stream import StreamEncoder
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.support.chat import outline
from tests.support.messages import ask, recorded, text

MARK = {"type": "ephemeral"}


def decode(request: dict[str, Any]) -> Decoded:
    return decode_request(jsontext.loads(json.dumps(request).encode()), RequestPlan("messages", "chat"))


@pytest.mark.parametrize(
    ("members", "thinking", "asks"),
    [
        ({}, None, False),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 5000}},
            Thinking(budget=5000, summary="auto"),
            True,
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 5000, "display": "omitted"}},
            Thinking(budget=5000),
            True,
        ),
        ({"thinking": {"type": "adaptive"}}, Thinking(adaptive=True, summary="auto"), True),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}},
            Thinking(effort="high"),
            True,
        ),
        ({"output_config": {"effort": "low"}}, Thinking(effort="low"), True),
        (
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
            Thinking(effort="none"),
            False,
        ),
    ],
)
def test_thinking(members: dict[str, Any], thinking: Thinking | None, asks: bool) -> None:
    request = ask("hi", **members)
    assert decode(request).conversation.thinking == thinking
    facts = ReferenceValidation().inspect(json.dumps(request).encode(), "messages")
    assert facts.reasoning is asks


@pytest.mark.parametrize(("effort", "asks"), [("high", True), ("none", False), (None, False)])
def test_chat_asks_for_reasoning_by_its_effort(effort: str | None, asks: bool) -> None:
    body = {"model": "m", "messages": [], "reasoning_effort": effort}
    assert ReferenceValidation().inspect(json.dumps(body).encode(), "chat").reasoning is asks


def test_a_schema_for_the_answer() -> None:
    request = recorded("py-anthropic", "23")
    form = json.loads(jsontext.dumps(decode(request).conversation.options["response_format"]))
    schema = request["output_config"]["format"]["schema"]
    assert form == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }


def test_reasoning_keeps_its_carrier() -> None:
    tagged = carriers.tag("x", "responses", "gpt-5.5")
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "native"},
        {"type": "thinking", "thinking": "", "signature": tagged},
        {"type": "thinking", "thinking": "", "signature": "native"},
        {"type": "redacted_thinking", "data": "native"},
        text("so"),
    ]
    decoded = decode(ask("hi", {"role": "assistant", "content": blocks}))
    assert decoded.conversation.turns[1].blocks == (
        Reasoning("hm", "native"),
        Reasoning("", tagged),
        Text("so"),
    )
    assert decoded.rewrites == ("dropped reasoning of another model",)


def test_documents_that_are_no_text_are_files() -> None:
    pdf = {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
        "title": "t",
    }
    result = {"type": "tool_result", "tool_use_id": "c", "content": [pdf]}
    found = decode(ask({"role": "user", "content": [pdf, result]})).conversation.turns[0].blocks
    file = File("QQ==", "application/pdf", "t")
    assert found[0] == file
    assert found[1].content == (file,)  # type: ignore[union-attr]


def test_cache_marks_at_the_ends_are_kept() -> None:
    request = ask(
        {"role": "user", "content": [text("a", cache_control=MARK), text("b")]},
        {"role": "assistant", "content": [text("c"), text("d", cache_control=MARK)]},
        system=[text("s", cache_control=MARK)],
        tools=[{"name": "t", "input_schema": {}, "cache_control": MARK, "eager_input_streaming": True}],
        top_k=4,
        context_management={},
    )
    decoded = decode(request)
    assert [turn.cache for turn in decoded.conversation.turns] == [MARK, None, MARK]
    assert decoded.conversation.tools is not None
    assert decoded.conversation.tools[0].cache == MARK
    assert decoded.conversation.options["top_k"] == jsontext.Number("4")
    assert decoded.rewrites == (
        "removed cache_control before the end of a message",
        "removed eager_input_streaming of tools",
        "removed context_management",
    )


@pytest.mark.parametrize("number", ["02", "07", "13"])
def test_nothing_of_claude_codes_requests_is_lost_on_the_way_to_another_model(number: str) -> None:
    decoded = decode(recorded("claude-code", number))
    assert not [rewrite for rewrite in decoded.rewrites if rewrite.startswith(("dropped ", "left out "))]


def encoded(*events: AnswerEvent) -> list[str]:
    encoder = StreamEncoder(StreamPlan("messages", "responses", reasoning=True), AnswerContext())
    written = encoder.events([Start("r", "m"), *events])
    return outline((written + encoder.finish(Finish("stop"), Usage(1, 1))).encode())[1:-2]


def test_each_run_of_reasoning_gets_its_own_signature() -> None:
    assert encoded(
        ReasoningPiece("a"), ReasoningCarrier("1"), ReasoningPiece("b"), ReasoningCarrier("2"), TextPiece("c")
    ) == ["S0 thinking", "D0 a", "D0 1", "E0", "S1 thinking", "D1 b", "D1 2", "E1", "S2 text", "D2 c", "E2"]


def test_a_carrier_without_reasoning_gets_a_block_of_its_own() -> None:
    assert encoded(ReasoningCarrier("1"), TextPiece("c")) == [
        "S0 thinking",
        "D0 1",
        "E0",
        "S1 text",
        "D1 c",
        "E1",
    ]


def test_a_carrier_within_a_text_waits_for_its_end() -> None:
    assert encoded(TextPiece("a"), ReasoningCarrier("1"), TextPiece("b"), ToolStart(0, "i", "t")) == [
        *["S0 text", "D0 a", "D0 b", "E0"],
        *["S1 thinking", "D1 1", "E1"],
        *["S2 t", "E2"],
    ]


def test_redacted_reasoning_comes_whole() -> None:
    assert encoded(ReasoningCarrier("d", redacted=True), TextPiece("c")) == [
        *["S0 redacted_thinking", "E0"],
        *["S1 text", "D1 c", "E1"],
    ]


def test_usage_tells_apart_what_the_cache_read_and_took_in() -> None:
    assert usage_json(Usage(5312, 140, 5000, 300)) == {
        "input_tokens": 12,
        "output_tokens": 140,
        "cache_read_input_tokens": 5000,
        "cache_creation_input_tokens": 300,
    }
