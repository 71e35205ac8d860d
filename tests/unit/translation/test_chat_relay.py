"""Chat over chat: what the plan names is taken out, nothing else is touched (upstream.md 4.4, 11.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import RequestPlan, TranslatedRequest
from copilot_api.engine.reference import carriers
from copilot_api.engine.reference.formats.chat import opaque
from tests.support.translating import TRANSLATION


def relayed(body: str, **plan: Any) -> TranslatedRequest:
    return TRANSLATION.request(body.encode(), RequestPlan("chat", "chat", **plan))


@pytest.mark.parametrize(
    ("body", "dropped", "made"),
    [
        ('{ "temperature" : 1.0 , "model":"m"}', "temperature", '{ "model":"m"}'),
        ('{"model":"m", "temperature":1, "temperature":2}', "temperature", '{"model":"m"}'),
        ('{"model" : "m"}', "temperature", '{"model" : "m"}'),
        ('{"a" : {"b":1.50,"c" : 2}, "z" : 1}', "a.c", '{"a" : {"b":1.50}, "z" : 1}'),
        ('{"a" : {"b" : 1}}', "a.x", '{"a" : {"b" : 1}}'),
        ('{"a" : {"b" : 1}}', "a.b.c", '{"a" : {"b" : 1}}'),
        ('{"tools" : [{"s":1,"t":2},{"t":3}], "z" : 1}', "tools[1].t", '{"tools" : [{"s":1},{}], "z" : 1}'),
        ('{"tools" : [{"s":1,"t":2}]}', "tools.0.t", '{"tools" : [{"s":1}]}'),
        ('{"l" : "\\ud800", "a":{"b":1,"l":"\\ud800"}}', "a.b", '{"l" : "\\ud800", "a":{"l":"\\ud800"}}'),
    ],
)
def test_learned_members_are_taken_out(body: str, dropped: str, made: str) -> None:
    result = relayed(body, dropped=(dropped,))
    assert result.body.decode() == made
    assert result.rewrites == (() if body == made else (f"dropped {dropped}: the model refuses it",))


@pytest.mark.parametrize(
    ("body", "stream", "made"),
    [
        ('{"stream" : false}', True, '{"stream" : true}'),
        ('{"a":1}', False, '{"a":1,"stream":false}'),
        ('{"a":1}', None, '{"a":1}'),
    ],
)
def test_stream_is_what_the_plan_says(body: str, stream: bool | None, made: str) -> None:
    assert relayed(body, stream=stream).body.decode() == made


def messages(**members: Any) -> str:
    listed = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "so", **members}]
    return json.dumps({"model": "m", "messages": listed, "z": 1})


def last(result: TranslatedRequest) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(result.body)["messages"][1]
    return made


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"reasoning_text": "hm", "reasoning_opaque": "native value"},
        {"reasoning_text": "the copilot-api: way", "reasoning_opaque": "native value"},
        {"reasoning_opaque": None, "note": "copilot-api:chat:m:x"},
    ],
)
def test_reasoning_of_this_leg_passes_byte_for_byte(members: dict[str, Any]) -> None:
    body = messages(**members)
    result = relayed(body, target="m")
    assert result.body == body.encode()
    assert result.rewrites == ()


@pytest.mark.parametrize(
    "value",
    [
        carriers.tag("v", "messages", "m"),
        carriers.tag("v", "chat", "other"),
        opaque.pack([(1, False, carriers.tag("v", "chat", "m")), (1, True, carriers.tag("w", "chat", "m"))]),
    ],
)
def test_reasoning_of_another_leg_or_model_is_taken_out(value: str) -> None:
    result = relayed(
        messages(reasoning_text="hm", reasoning_content="hm", reasoning_opaque=value, name="it"), target="m"
    )
    assert last(result) == {"role": "assistant", "content": "so", "name": "it"}
    assert result.rewrites == ("left out reasoning that cannot go back to the model",)


def test_a_carrier_that_was_tagged_for_this_model_loses_its_tag() -> None:
    result = relayed(messages(reasoning_opaque=carriers.tag("v:1", "chat", "m")), target="m")
    assert last(result)["reasoning_opaque"] == "v:1"
    assert result.rewrites == ("sent reasoning back as the model made it",)


def test_without_reasoning_all_of_it_is_taken_out() -> None:
    body = messages(reasoning_text="hm", reasoning_opaque="native")
    result = relayed(body, without_reasoning=True)
    assert last(result) == {"role": "assistant", "content": "so"}
    assert result.rewrites == ("left out reasoning: upstream refused it",)
    plain = messages()
    assert relayed(plain, without_reasoning=True).body == plain.encode()


@pytest.mark.parametrize(
    "body", ['{"messages":"reasoning_opaque copilot-api"}', '{"x":"reasoning_opaque copilot-api"}']
)
def test_messages_that_are_none_pass(body: str) -> None:
    assert relayed(body).body.decode() == body
    assert relayed(body, without_reasoning=True).body.decode() == body
