"""Ollama requests: facts, and conversations out of ``/api/chat`` and ``/api/generate`` (upstream.md 10.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, RequestFacts
from copilot_api.engine.reference.canonical import (
    Image,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.jsontext import Number
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.support.translating import bytes_of, decoded, translated

PNG = "iVBORw0KGgoAAAANSUhEUg=="
HI = {"role": "user", "content": "hi"}


def request(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **more}


def facts(value: Any) -> RequestFacts:
    return ReferenceValidation().inspect(bytes_of(value), "ollama")


def turns(*messages: Any) -> tuple[Turn, ...]:
    return decoded(request(*messages), "ollama", "chat").conversation.turns


def call(name: str, arguments: Any = None, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **more}


def test_facts_of_a_chat() -> None:
    body = request({"role": "system", "content": "s"}, {**HI, "images": [PNG]}, tools=[{}], think=True)
    assert facts(body) == RequestFacts(
        *("ollama", len(json.dumps(body)), "m", True, True, "user", "last message is the user's"),
        messages=2,
        tools=1,
        reasoning=True,
    )


@pytest.mark.parametrize(
    ("more", "stream"),
    [({}, True), ({"stream": None}, True), ({"stream": True}, True), ({"stream": False}, False)],
)
def test_streaming_is_the_default(more: dict[str, Any], stream: bool) -> None:
    assert facts(request(HI, **more)).stream is stream
    assert translated(request(HI, **more), "ollama", "chat")[0]["stream"] is stream


@pytest.mark.parametrize(
    ("last", "initiator"),
    [
        (HI, "user"),
        ({"role": "assistant", "content": "a"}, "agent"),
        ({"role": "tool", "content": "r"}, "agent"),
        ({"role": "system", "content": "s"}, "user"),
    ],
)
def test_initiator_by_the_last_message(last: Any, initiator: str) -> None:
    assert facts(request(HI, last)).initiator == initiator


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m"},
        {"model": "m", "prompt": ""},
        {"model": "m", "messages": []},
        {"model": "m", "messages": None, "keep_alive": 0},
    ],
)
def test_a_request_without_content_only_loads_the_model(body: dict[str, Any]) -> None:
    assert facts(body).messages == 0


def test_facts_of_generate_and_of_options() -> None:
    assert facts({"model": "m", "prompt": "p"}).messages == 1
    assert facts({"model": "m", "images": [PNG]}).vision
    assert facts(request(HI, options={"num_predict": 5})).output_cap == "set"
    assert facts(request(HI, options={"num_predict": -1})).output_cap == "absent"
    assert facts(request(HI, think="high")).reasoning
    assert not facts(request(HI, think=False)).reasoning
    assert not facts(request(HI)).reasoning


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ""),
        ({"messages": []}, "model"),
        ({"model": "m", "messages": "x"}, "messages"),
        ({"model": "m", "messages": ["x"]}, "messages[0]"),
        (request({"role": "wizard"}), "messages[0].role"),
        (request({"role": "user", "content": []}), "messages[0].content"),
        (request({"role": "user", "images": "x"}), "messages[0].images"),
        ({"model": "m", "prompt": 1}, "prompt"),
        ({"model": "m", "prompt": "p", "system": 1}, "system"),
        ({"model": "m", "prompt": "p", "images": {}}, "images"),
        (request(HI, options=[]), "options"),
        (request(HI, tools={}), "tools"),
    ],
)
def test_bad_bodies_are_refused_by_name(value: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        facts(value)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (request({**HI, "images": [1]}), "messages[0].images[0]"),
        (request({**HI, "images": [PNG, "QQ=="]}), "messages[0].images[1]"),
        (request({"role": "assistant", "tool_calls": {}}), "messages[0].tool_calls"),
        (request({"role": "assistant", "tool_calls": [1]}), "messages[0].tool_calls[0].function.name"),
        (request(HI, tools=[{"type": "function"}]), "tools[0].function.name"),
        (request(HI, format="xml"), "format"),
    ],
)
def test_what_cannot_be_translated_is_refused_by_name(value: Any, path: str) -> None:
    facts(value)
    with pytest.raises(InvalidRequest) as caught:
        decoded(value, "ollama", "chat")
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("data", "url"),
    [
        (PNG, f"data:image/png;base64,{PNG}"),
        ("/9j/4AAQ", "data:image/jpeg;base64,/9j/4AAQ"),
        ("R0lGODlh", "data:image/gif;base64,R0lGODlh"),
        ("UklGRiQA", "data:image/webp;base64,UklGRiQA"),
        ("data:image/png;base64,QQ==", "data:image/png;base64,QQ=="),
    ],
)
def test_pictures_get_their_kind(data: str, url: str) -> None:
    assert turns({**HI, "images": [data]}) == (Turn("user", (Text("hi"), Image(url))),)


def test_messages() -> None:
    assert turns(
        {"role": "system", "content": "s"},
        HI,
        {"role": "assistant", "content": "a", "thinking": "hm", "images": []},
        {"role": "assistant", "content": ""},
        HI,
    ) == (
        Turn("system", (Text("s"),), plain=True),
        Turn("user", (Text("hi"),), plain=True),
        Turn("assistant", (Reasoning("hm"), Text("a"))),
        Turn("user", (Text("hi"),), plain=True),
    )


def test_results_are_paired_by_id_by_name_or_by_order() -> None:
    calls = {
        "role": "assistant",
        "content": "",
        "tool_calls": [call("a", {"x": 1.0}), call("b"), call("a", id="own")],
    }
    expected = (
        ToolCall("call_0_0", "a", '{"x":1.0}'),
        ToolCall("call_0_1", "b", "{}"),
        ToolCall("own", "a", "{}"),
    )
    for results, ids in (
        ([{}, {}, {}], ["call_0_0", "call_0_1", "own"]),
        ([{"tool_name": "b"}, {"tool_name": "a"}, {"tool_name": "a"}], ["call_0_1", "call_0_0", "own"]),
        ([{"name": "b"}, {"tool_call_id": "own"}, {}], ["call_0_1", "own", "call_0_0"]),
    ):
        given = [{"role": "tool", "content": str(number), **result} for number, result in enumerate(results)]
        body = bytes_of(request(calls, *given)).replace(b"1.0", b"1.0")
        asked, answers = decoded(body, "ollama", "chat").conversation.turns
        assert asked.blocks == expected
        assert [block.call_id for block in answers.blocks if isinstance(block, ToolResult)] == ids
        assert [block.content for block in answers.blocks if isinstance(block, ToolResult)] == [
            (Text(str(number)),) for number in range(3)
        ]


@pytest.mark.parametrize("result", [{"tool_name": "unknown"}, {"tool_name": "a", "tool_call_id": "x"}, {}])
def test_a_result_that_answers_no_call_becomes_text(result: dict[str, Any]) -> None:
    made = decoded(request(HI, {"role": "tool", "content": "7", **result}), "ollama", "chat")
    assert made.rewrites == ("sent a tool result that answers no call as text",)
    name = result.get("tool_name")
    expected = f"Result of the tool {name}:\n7" if name else "7"
    assert made.conversation.turns[1] == Turn("user", (Text(expected),), plain=True)


def test_calls_of_an_earlier_turn_are_answered_no_more() -> None:
    made = decoded(
        request(
            {"role": "assistant", "tool_calls": [call("a")]},
            {"role": "assistant", "content": "never mind"},
            {"role": "tool", "content": "late", "tool_name": "a"},
        ),
        "ollama",
        "chat",
    )
    assert made.rewrites == ("sent a tool result that answers no call as text",)


def test_generate() -> None:
    made = decoded(
        {"model": "m", "prompt": "p", "system": "s", "images": [PNG], "context": [1], "raw": True},
        "ollama",
        "chat",
    )
    assert made.conversation.turns == (
        Turn("system", (Text("s"),), plain=True),
        Turn("user", (Text("p"), Image(f"data:image/png;base64,{PNG}"))),
    )
    assert made.context.echo == {"model": "m", "generate": True}
    assert made.rewrites == ("dropped context", "dropped raw")
    assert decoded(request(HI), "ollama", "chat").context.echo == {"model": "m"}


def test_options() -> None:
    options = {
        "temperature": 0.5,
        "top_p": None,
        "top_k": 40,
        "num_predict": 9,
        "stop": ["x"],
        "seed": 1,
        "num_ctx": 8192,
        "repeat_penalty": 1.1,
    }
    made = decoded(request(HI, options=options, keep_alive="5m"), "ollama", "chat")
    assert made.conversation.options == {
        "max_tokens": Number("9"),
        "stop": ["x"],
        "stream": True,
        "temperature": Number("0.5"),
        "top_k": Number("40"),
        "seed": Number("1"),
    }
    assert made.rewrites == (
        "options.num_ctx has no meaning for a model that runs elsewhere",
        "dropped options.repeat_penalty",
    )


@pytest.mark.parametrize(
    ("layout", "made"),
    [
        (None, None),
        ("", None),
        ("json", {"type": "json_object"}),
        (
            {"type": "object"},
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        ),
    ],
)
def test_structured_output(layout: Any, made: Any) -> None:
    options = decoded(request(HI, format=layout), "ollama", "chat").conversation.options
    assert options.get("response_format") == made


@pytest.mark.parametrize(
    ("think", "thinking"),
    [
        (None, None),
        ("", None),
        (True, Thinking(adaptive=True, summary="auto")),
        (False, Thinking(effort="none")),
        ("max", Thinking(effort="max", summary="auto")),
    ],
)
def test_thinking(think: Any, thinking: Thinking | None) -> None:
    assert decoded(request(HI, think=think), "ollama", "chat").conversation.thinking == thinking


def test_tools_and_a_whole_request_for_chat() -> None:
    function = {"name": "get_weather", "description": "d", "parameters": {"type": "object"}, "other": 1}
    made, _ = translated(
        request(
            HI,
            {"role": "assistant", "content": "", "tool_calls": [call("get_weather", {"city": "Oslo"})]},
            {"role": "tool", "tool_name": "get_weather", "content": "12"},
            tools=[{"type": "function", "function": function}],
            stream=False,
        ),
        "ollama",
        "chat",
    )
    assert made == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1_0",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1_0", "content": "12"},
        ],
        "stream": False,
        "tools": [
            {
                "type": "function",
                "function": {"name": "get_weather", "description": "d", "parameters": {"type": "object"}},
            }
        ],
    }
    assert decoded(request(HI, tools=[]), "ollama", "chat").conversation.tools is None
    assert decoded(request(HI, tools=[{"function": {"name": "f"}}]), "ollama", "chat").conversation.tools == (
        Tool({"name": "f"}),
    )


def test_pictures_of_others_than_users_are_dropped_and_said() -> None:
    made = decoded(request({"role": "system", "content": "s", "images": [PNG]}), "ollama", "chat")
    assert made.rewrites == ("dropped pictures of a message of role system",)
    assert made.conversation.turns == (Turn("system", (Text("s"),), plain=True),)
