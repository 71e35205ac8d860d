"""Reasoning carriers go back to the leg and model that made them, and to no other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import AnswerPlan, StreamPlan
from copilot_api.engine.reference import carriers
from copilot_api.engine.reference.carriers import Carrier
from copilot_api.engine.reference.translation import ReferenceTranslation

TRANSLATION = ReferenceTranslation()


@pytest.mark.parametrize("value", ["b3A=", "a:b:c", "", "copilot-api:chat:m:inner"])
def test_what_is_tagged_is_read(value: str) -> None:
    tagged = carriers.tag(value, "responses", "gpt-5.1")
    assert tagged == f"copilot-api:responses:gpt-5.1:{value}"
    assert carriers.read(tagged) == Carrier("responses", "gpt-5.1", value)
    assert carriers.fitting(tagged, "responses", "gpt-5.1") == value


@pytest.mark.parametrize(
    ("carrier", "leg", "model"),
    [
        ("copilot-api:chat:m:v", "responses", "m"),
        ("copilot-api:chat:m:v", "chat", "other"),
        ("v", "chat", "m"),
        ("chat:m:v", "chat", "m"),
        ("", "chat", "m"),
    ],
)
def test_what_is_of_elsewhere_does_not_fit(carrier: str, leg: Any, model: str) -> None:
    assert carriers.fitting(carrier, leg, model) == ""


@pytest.mark.parametrize(
    "carrier", ["", "x", "copilot-api", "copilot-api:chat", "copilot-api:chat:m", "Copilot-api:a:b:c"]
)
def test_other_values_are_not_tagged(carrier: str) -> None:
    assert carriers.read(carrier) is None


def test_whole_and_streamed_answers_tag_alike() -> None:
    message = {"content": "x", "reasoning_text": "hm", "reasoning_opaque": "b3A="}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "1", "model": "gpt-4.1-x", "choices": [choice]}).encode()
    whole = TRANSLATION.answer(body, AnswerPlan("messages", "chat", reasoning=True, model="gpt-4.1")).body
    signature = json.loads(whole)["content"][0]["signature"]
    assert signature == "copilot-api:chat:gpt-4.1:b3A="
    plan = StreamPlan("messages", "chat", reasoning=True, model="gpt-4.1")
    assert json.dumps(signature).encode() in TRANSLATION.answer_as_stream(body, plan)


def test_a_stream_within_its_format_is_not_tagged() -> None:
    frame = {"choices": [{"index": 0, "delta": {"reasoning_opaque": "b3A="}}], "id": "1", "model": "m"}
    translator = TRANSLATION.stream(StreamPlan("chat", "chat", model="m"))
    out = translator.feed(b"data: " + json.dumps(frame).encode() + b"\n\n")
    assert b'"b3A="' in out
    assert b"copilot-api:" not in out
