"""Whole answers of and for the Responses format, and the same as streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from copilot_api.engine.interfaces import AnswerPlan, StreamPlan, UnusableAnswer
from copilot_api.engine.reference.canonical import AnswerContext
from copilot_api.engine.reference.context import write
from tests.support.responses import FIXTURES, MODEL, TRANSLATION, answered, frames
from tests.unit.translation.test_responses_streams import check_published_order

NATIVE = json.loads((FIXTURES / "upstream/responses/nonstream.json").read_text(encoding="utf-8"))
CALL = {"type": "function_call", "id": "x", "call_id": "c1", "name": "f", "arguments": ""}
THOUGHT = {
    "type": "reasoning",
    "id": "r",
    "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
    "encrypted_content": "secret",
}
PATCH = {"type": "custom_tool_call", "id": "y", "call_id": "c2", "name": "apply_patch", "input": "***"}


def chat(name: str) -> Any:
    return json.loads((FIXTURES / f"upstream/chat/{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["gpt_text", "claude_two_choices", "claude_anthropic_native"])
def test_chat_answers_are_responses_of_the_published_type(name: str) -> None:
    echo = {
        "instructions": "Be brief.",
        "tools": [{"type": "custom", "name": "t"}],
        "reasoning": {"effort": "low"},
    }
    made = answered(chat(name), "responses", "chat", write(AnswerContext(echo=echo)))
    Response.model_validate(made)
    assert made["status"] == "completed"
    assert made["instructions"] == "Be brief."
    assert made["tools"] == echo["tools"]
    assert made["reasoning"] == {"effort": "low", "summary": None}
    assert made["output"]


def test_blocks_of_every_kind() -> None:
    message = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_text": "hm",
        "reasoning_opaque": "sig",
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "apply_patch", "arguments": '{"input":"***"}'},
            },
            {"id": "b", "type": "function", "function": {"name": "ns__f", "arguments": ""}},
        ],
    }
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": None}}
    answer = {
        "id": "chatcmpl-1",
        "created": 7,
        "model": "m",
        "choices": [{"message": message, "finish_reason": "tool_calls"}],
        "usage": usage,
    }
    known = AnswerContext(custom=("apply_patch",), namespaces={"ns__f": "ns"})
    made = answered(answer, "responses", "chat", write(known))
    Response.model_validate(made)
    thought, said, patch, call = made["output"]
    assert thought["summary"][0]["text"] == "hm"
    assert thought["encrypted_content"] == f"copilot-api:chat:{MODEL}:sig"
    assert said["content"][0]["text"] == "Hi"
    assert (patch["type"], patch["input"], patch["call_id"]) == ("custom_tool_call", "***", "a")
    assert (call["name"], call["namespace"], call["arguments"]) == ("f", "ns", "{}")
    assert made["created_at"] == 7
    assert made["usage"]["input_tokens_details"]["cached_tokens"] == 0
    assert made["usage"]["total_tokens"] == 12


@pytest.mark.parametrize(
    ("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_answers_that_are_incomplete_say_so(reason: str, why: str) -> None:
    answer = {"id": "i", "model": "m", "choices": [{"message": {"content": "Once"}, "finish_reason": reason}]}
    made = answered(answer, "responses", "chat")
    assert (made["status"], made["incomplete_details"]) == ("incomplete", {"reason": why})
    assert made["output"][0]["status"] == "incomplete"


def test_without_the_wish_there_is_no_reasoning() -> None:
    answer = {"choices": [{"message": {"content": "Hi", "reasoning_text": "hm"}, "finish_reason": "stop"}]}
    made = TRANSLATION.answer(json.dumps(answer).encode(), AnswerPlan("responses", "chat", model=MODEL))
    assert [item["type"] for item in json.loads(made.body)["output"]] == ["message"]


def test_over_its_own_leg_only_what_is_wrong_changes() -> None:
    answer = {name: value for name, value in NATIVE.items() if name != "output_text"}
    body = json.dumps(answer, indent=1).encode()
    plan = AnswerPlan("responses", "responses", model=MODEL)
    made = TRANSLATION.answer(body, plan)
    assert made.body == body
    assert made.usage is not None
    assert (made.usage.input_tokens, made.usage.cached_tokens, made.usage.total_nano_aiu) == (
        1402,
        1024,
        207100000,
    )
    assert (made.finish_reason, made.model) == ("stop", "gpt-5.4-2026-03-05")
    answer["output"] = [CALL]
    made = TRANSLATION.answer(json.dumps({**answer, "output_text": None}).encode(), plan)
    value = json.loads(made.body)
    assert value["output"][0]["arguments"] == "{}"
    assert "output_text" not in value
    assert made.finish_reason == "tool_calls"


def test_for_anthropic_clients() -> None:
    answer = {**NATIVE, "output": [THOUGHT, *NATIVE["output"], CALL]}
    made = answered(answer, "messages", "responses")
    thought, said, call = made["content"]
    assert thought == {
        "type": "thinking",
        "thinking": "one\n\ntwo",
        "signature": f"copilot-api:responses:{MODEL}:secret",
    }
    assert said == {"type": "text", "text": "Hello there."}
    assert call == {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
    assert made["stop_reason"] == "tool_use"
    assert made["usage"]["cache_read_input_tokens"] == 1024


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"output": None},
        {"output": [], "status": "failed", "error": {"message": "no"}},
        {"output": [], "error": {"message": "no"}},
    ],
)
@pytest.mark.parametrize("dialect", ["responses", "messages"])
def test_what_is_no_answer_is_refused(answer: Any, dialect: Any) -> None:
    with pytest.raises(UnusableAnswer):
        answered(answer, dialect, "responses")


@pytest.mark.parametrize("dialect", ["responses", "messages"])
def test_a_whole_answer_as_a_stream_says_the_same(dialect: Any) -> None:
    refusal = {
        "type": "message",
        "id": "q",
        "role": "assistant",
        "content": [{"type": "refusal", "refusal": "no"}],
    }
    answer = {**NATIVE, "output": [THOUGHT, *NATIVE["output"], refusal, CALL, PATCH]}
    raw = TRANSLATION.answer_as_stream(
        json.dumps(answer).encode(), StreamPlan(dialect, "responses", reasoning=True, model=MODEL)
    )
    if dialect == "responses":
        found = check_published_order(raw, ours=False)
        assert [item["type"] for item in found[-1]["response"]["output"]] == [
            item["type"] for item in answer["output"]
        ]
        kinds = {frame["type"].removeprefix("response.") for frame in found}
        assert {"refusal.delta", "reasoning_summary_text.delta", "custom_tool_call_input.done"} <= kinds
        return
    text = raw.decode()
    for piece in ("one", "two", "Hello there.", "no", '"name":"f"', "***"):
        assert piece in text
    assert text.count("event: message_stop") == 1


@pytest.mark.parametrize("name", ["gpt_text", "claude_two_choices"])
def test_a_whole_chat_answer_as_a_stream(name: str) -> None:
    body = json.dumps(chat(name)).encode()
    raw = TRANSLATION.answer_as_stream(body, StreamPlan("responses", "chat", reasoning=True, model=MODEL))
    found = check_published_order(raw)
    whole = answered(chat(name), "responses", "chat")
    assert found[-1]["response"]["output"] == whole["output"]
    assert frames(raw)[-1]["type"] == "response.completed"
