"""compat.md section 4: Anthropic and OpenAI translation, with the defects D-T of section 6.5 cured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan, UnusableAnswer
from tests.support.chat import TRANSLATION, frame, outline, sse, to_chat, to_message, tool, translate

HI: list[Any] = [{"role": "user", "content": "hi"}]
DONE = "[DONE]"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


def request(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": list(messages), **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def called(*ids: str) -> dict[str, Any]:
    """The turn whose calls the results of the next one are for."""
    blocks = [{"type": "tool_use", "id": each, "name": "t", "input": {}} for each in ids]
    return {"role": "assistant", "content": blocks}


# 4.1 Request


def test_members_in_the_order_of_the_contract() -> None:
    full = {
        "tool_choice": {"type": "auto"},
        "tools": [{"name": "t", "description": "d", "input_schema": {"type": "object"}}],
        "metadata": {"user_id": "u"},
        "top_p": 1,
        "temperature": 0.7,
        "stream": False,
        "stop_sequences": ["x"],
        **request(*HI),
        "system": "s",
    }
    made = to_chat(full)
    assert list(made) == [
        "model",
        "messages",
        "max_tokens",
        "stop",
        "stream",
        "temperature",
        "top_p",
        "user",
        "tools",
        "tool_choice",
    ]
    assert made["tools"] == [
        {"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object"}}}
    ]


def test_minimal_request_and_null_members() -> None:
    assert to_chat(request(*HI)) == {"model": "m", "messages": HI, "max_tokens": 9}
    assert to_chat(request(*HI, temperature=None, tools=[]))["temperature"] is None
    assert to_chat(request(*HI, tools=[]))["tools"] == []
    assert "tools" not in to_chat(request(*HI, tools=None))
    assert to_chat(request(*HI, temperature="hot"))["temperature"] == "hot"


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "t"}, {"type": "function", "function": {"name": "t"}}),
        ({"type": "tool"}, None),
        ({"type": "else"}, None),
    ],
)
def test_tool_choice(choice: Any, made: Any) -> None:
    tools = [{"name": "t", "input_schema": {}}]
    assert to_chat(request(*HI, tools=tools, tool_choice=choice)).get("tool_choice") == made


def test_numbers_and_unicode_survive() -> None:
    body = (
        b'{"model":"m","max_tokens":1.0,"messages":[{"role":"assistant","content":[{"type":"tool_use",'
        b'"id":"i","name":"n","input":{"big":123456789012345678901,"one":1.0,"e":"\\u00e9"}}]}]}'
    )
    made = TRANSLATION.request(body, RequestPlan("messages", "chat")).body
    assert b'"max_tokens":1.0' in made
    arguments = json.loads(made)["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert arguments == '{"big":123456789012345678901,"one":1.0,"e":"é"}'


def test_changes_are_accounted_for() -> None:
    body = json.dumps(
        request(
            user({**text("hi"), "cache_control": {"type": "ephemeral"}}),
            top_k=5,
            thinking={"type": "enabled"},
            service_tier="x",
        )
    ).encode()
    rewrites = TRANSLATION.request(body, RequestPlan("messages", "chat")).rewrites
    assert "dropped service_tier" in rewrites


def test_billing_line_of_claude_code_is_left_out() -> None:
    system = [text("x-anthropic-billing-header: cc_version=1; h=abc;"), text("You are")]
    assert to_chat(request(*HI, system=system))["messages"][0] == {"role": "system", "content": "You are"}


# 4.3 Messages


@pytest.mark.parametrize(
    ("system", "made"),
    [
        ("s", [{"role": "system", "content": "s"}]),
        ("", []),
        (None, []),
        ([text("a"), text("b")], [{"role": "system", "content": "a\n\nb"}]),
    ],
)
def test_system(system: Any, made: list[Any]) -> None:
    assert to_chat(request(*HI, system=system))["messages"] == [*made, *HI]


def test_d_t26_empty_system_list_sends_none() -> None:
    assert to_chat(request(*HI, system=[]))["messages"] == HI


def test_tool_results_come_first() -> None:
    turn = user(
        text("before"),
        {"type": "tool_result", "tool_use_id": "1", "content": "one"},
        {"type": "tool_result", "tool_use_id": "2", "content": [text("a"), text("b")]},
        text("after"),
    )
    assert to_chat(request(called("1", "2"), turn))["messages"][1:] == [
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "a\n\nb"},
        {"role": "user", "content": "before\n\nafter"},
    ]


def test_pictures_become_parts() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "QQ=="}
    made = to_chat(request(user(text("look"), {"type": "image", "source": source})))
    assert made["messages"][0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
    ]


def test_d_t4_picture_by_url() -> None:
    source = {"type": "url", "url": "https://pictures.example/a.png"}
    (part,) = to_chat(request(user({"type": "image", "source": source})))["messages"][0]["content"]
    assert part["image_url"]["url"] == "https://pictures.example/a.png"


@pytest.mark.parametrize(
    ("block", "made"),
    [
        ({"type": "document", "source": {"type": "text", "data": "words"}}, "words"),
        (
            {
                "type": "document",
                "title": "T",
                "source": {"type": "base64", "media_type": "text/plain", "data": "aGk="},
            },
            "T\n\nhi",
        ),
        ({"type": "document", "source": {"type": "content", "content": [text("c")]}}, "c"),
        ({"type": "search_result", "title": "T", "content": [text("found")]}, "T\n\nfound"),
        ({"type": "novelty", "text": "kept"}, "kept"),
    ],
)
def test_d_t5_what_has_text_is_sent_as_text(block: Any, made: str) -> None:
    assert to_chat(request(user(block)))["messages"][0]["content"] == made


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        {"type": "novelty"},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
    ],
)
def test_d_t5_what_cannot_be_sent_is_refused_by_name(block: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        to_chat(request(*HI, user(block)))
    assert caught.value.path.startswith("messages[1].content[0]")


def test_d_t6_block_order_of_an_assistant_turn() -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        text("so"),
        {"type": "tool_use", "id": "1", "name": "t", "input": {"a": 1}},
    ]
    # The call has no result, so it is given one behind it.
    made, _ = to_chat(request({"role": "assistant", "content": blocks}))["messages"]
    assert made["content"] == "hm\n\nso"
    assert made["tool_calls"] == [
        {"id": "1", "type": "function", "function": {"name": "t", "arguments": '{"a":1}'}}
    ]


def test_assistant_with_tools_only_has_null_content() -> None:
    blocks = [{"type": "tool_use", "id": "1", "name": "t", "input": {}}]
    made, _ = to_chat(request({"role": "assistant", "content": blocks}))["messages"]
    assert made["content"] is None


def test_d_t7_failed_tool_is_marked() -> None:
    turn = user({"type": "tool_result", "tool_use_id": "1", "content": "no such file", "is_error": True})
    assert to_chat(request(called("1"), turn))["messages"][1]["content"] == "Error: no such file"


def test_d_t8_tool_result_without_content_or_with_a_picture() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "QQ=="}
    made = to_chat(
        request(
            called("1", "2"),
            user(
                {"type": "tool_result", "tool_use_id": "1"},
                {"type": "tool_result", "tool_use_id": "2", "content": [{"type": "image", "source": source}]},
            ),
        )
    )["messages"][1:]
    assert made[0]["content"] == made[1]["content"] == ""
    assert [message["role"] for message in made] == ["tool", "tool", "user"]
    assert made[2]["content"][1]["image_url"]["url"].endswith("QQ==")


def test_d_t9_system_turns_stay_system() -> None:
    made = to_chat(request(*HI, {"role": "system", "content": "note"}))["messages"]
    assert made[1] == {"role": "system", "content": "note"}


def test_d_t10_server_tools_are_left_out_and_said() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}, {"name": "t", "input_schema": {}}]
    made = TRANSLATION.request(
        json.dumps(request(*HI, tools=tools)).encode(), RequestPlan("messages", "chat")
    )
    assert [each["function"]["name"] for each in json.loads(made.body)["tools"]] == ["t"]
    assert "left out the server tool web_search" in made.rewrites


def test_d_t11_parallel_tools_switched_off() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    made = to_chat(request(*HI, tools=[{"name": "t", "input_schema": {}}], tool_choice=choice))
    assert made["parallel_tool_calls"] is False


def test_d_h15_cap_in_its_other_spelling() -> None:
    made = to_chat(request(*HI), cap_field="max_completion_tokens")
    assert (made["max_completion_tokens"], "max_tokens" in made) == (9, False)


# 4.4 Whole answers


def answer(message: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "1", "model": "m", "choices": [choice], "usage": USAGE, **more}


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        (None, None),
        ("novel", "end_turn"),
    ],
)
def test_d_t21_stop_reasons(finish: Any, stop: Any) -> None:
    assert to_message(answer({"content": "x"}, finish))["stop_reason"] == stop


def test_whole_message() -> None:
    assert to_message(answer({"content": "hello"})) == {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [text("hello")],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 3},
    }


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ('{"a":1}', {"a": 1}),
        ("", {}),
        (None, {}),
        ("{broken", {"_raw": "{broken"}),
        ("[1]", {"_raw": "[1]"}),
    ],
)
def test_d_t1_arguments_never_fail(arguments: Any, made: Any) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": arguments}}
    blocks = to_message(answer({"content": None, "tool_calls": [call]}, "tool_calls"))["content"]
    assert blocks == [{"type": "tool_use", "id": "c", "name": "t", "input": made}]


def test_d_t22_empty_text_gives_no_block() -> None:
    assert to_message(answer({"content": ""}))["content"] == []


@pytest.mark.parametrize(
    ("details", "made"),
    [
        ({"cached_tokens": 4}, {"input_tokens": 8, "output_tokens": 3, "cache_read_input_tokens": 4}),
        ({"cached_tokens": 0}, {"input_tokens": 12, "output_tokens": 3, "cache_read_input_tokens": 0}),
        ({"cached_tokens": None}, {"input_tokens": 12, "output_tokens": 3}),
    ],
)
def test_d_t25_cached_tokens(details: Any, made: Any) -> None:
    usage = {**USAGE, "prompt_tokens_details": details}
    assert to_message(answer({"content": "x"}, usage=usage))["usage"] == made


def test_d_t24_reasoning_only_when_asked_for() -> None:
    body = answer({"content": "x", "reasoning_text": "hm", "reasoning_opaque": "sig"})
    assert len(to_message(body)["content"]) == 1
    thought = to_message(body, reasoning=True)["content"][0]
    # Tagged, so that it goes back to the model that made it and to no other (upstream.md 6.4).
    assert thought == {"type": "thinking", "thinking": "hm", "signature": "copilot-api:chat:gpt-4.1:sig"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":{"message":"x"}}', b"null"])
def test_d_h6_answers_that_are_none(body: bytes) -> None:
    with pytest.raises(UnusableAnswer):
        to_message(body)


# 4.5 Streamed answers

SEQUENCES: dict[str, tuple[list[Any], list[str]]] = {
    "text": (
        [frame("a"), frame("b"), frame(finish="stop"), DONE],
        ["S0 text", "D0 a", "D0 b", "E0", "delta end_turn", "stop"],
    ),
    "only a finish chunk": ([frame(finish="stop"), DONE], ["delta end_turn", "stop"]),
    "one tool": (
        [
            frame(tools=[tool(id="1", name="t", arguments="")]),
            frame(tools=[tool(arguments='{"a"')]),
            frame(tools=[tool(arguments=":1}")]),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 t", 'D0 {"a"', "D0 :1}", "E0", "delta tool_use", "stop"],
    ),
    "one tool, empty arguments": (
        [frame(tools=[tool(id="1", name="t", arguments="")]), frame(finish="tool_calls"), DONE],
        ["S0 t", "E0", "delta tool_use", "stop"],
    ),
    "text, then tool": (
        [
            frame("a"),
            frame(tools=[tool(id="1", name="t", arguments="{}")]),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 text", "D0 a", "E0", "S1 t", "D1 {}", "E1", "delta tool_use", "stop"],
    ),
    "tool, then text": (
        [
            frame(tools=[tool(id="1", name="t", arguments="{}")]),
            frame("a"),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 t", "D0 {}", "E0", "S1 text", "D1 a", "E1", "delta tool_use", "stop"],
    ),
    "two tools in turn": (
        [
            frame(tools=[tool(0, id="1", name="t", arguments="{}")]),
            frame(tools=[tool(1, id="2", name="u", arguments='{"b":2}')]),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 t", "D0 {}", "E0", "S1 u", 'D1 {"b":2}', "E1", "delta tool_use", "stop"],
    ),
    "content, tool and finish in one chunk": (
        [frame("a", tools=[tool(id="1", name="t", arguments="{}")], finish="tool_calls"), DONE],
        ["S0 text", "D0 a", "E0", "S1 t", "D1 {}", "E1", "delta tool_use", "stop"],
    ),
    "finish chunk carries content": (
        [frame("a"), frame("b", finish="stop"), DONE],
        ["S0 text", "D0 a", "D0 b", "E0", "delta end_turn", "stop"],
    ),
    "empty choices first": (
        [{"choices": []}, frame("a"), frame(finish="stop"), DONE],
        ["S0 text", "D0 a", "E0", "delta end_turn", "stop"],
    ),
    "D-T15 split choices": (
        [
            frame("a"),
            frame(tools=[tool(id="1", name="t", arguments="{}")], index=1),
            frame(finish="stop"),
            frame(finish="tool_calls", index=1),
            DONE,
        ],
        ["S0 text", "D0 a", "E0", "S1 t", "D1 {}", "E1", "delta tool_use", "stop"],
    ),
    "D-T16 interleaved arguments": (
        [
            frame(tools=[tool(0, id="1", name="t", arguments='{"a"')]),
            frame(tools=[tool(1, id="2", name="u", arguments='{"b"')]),
            frame(tools=[tool(0, arguments=":1}")]),
            frame(tools=[tool(1, arguments=":2}")]),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 t", 'D0 {"a"', "D0 :1}", "E0", "S1 u", 'D1 {"b"', "D1 :2}", "E1", "delta tool_use", "stop"],
    ),
    "D-T16 text between fragments": (
        [
            frame(tools=[tool(id="1", name="t", arguments='{"a"')]),
            frame("x"),
            frame(tools=[tool(arguments=":1}")]),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 t", 'D0 {"a"', "D0 :1}", "E0", "S1 text", "D1 x", "E1", "delta tool_use", "stop"],
    ),
    "D-T17 id and name repeated": (
        [
            frame(tools=[tool(id="1", name="t", arguments='{"a"')]),
            frame(tools=[tool(id="1", name="t", arguments=":1}")]),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 t", 'D0 {"a"', "D0 :1}", "E0", "delta tool_use", "stop"],
    ),
    "D-T18 id and name apart": (
        [
            frame(tools=[tool(id="1", arguments='{"a"')]),
            frame(tools=[tool(name="t", arguments=":1}")]),
            frame(finish="tool_calls"),
            DONE,
        ],
        ["S0 t", 'D0 {"a"', "D0 :1}", "E0", "delta tool_use", "stop"],
    ),
    "D-T18 no id at all": (
        [frame(tools=[tool(name="t", arguments="{}")]), frame(finish="tool_calls"), DONE],
        ["S0 t", "D0 {}", "E0", "delta tool_use", "stop"],
    ),
    "D-T19 nothing after the end": (
        [frame("a"), frame(finish="stop"), DONE, frame("late"), frame(finish="stop"), DONE],
        ["S0 text", "D0 a", "E0", "delta end_turn", "stop"],
    ),
    "D-T19 two finish chunks": (
        [frame("a"), frame(finish="stop"), frame(finish="stop"), DONE],
        ["S0 text", "D0 a", "E0", "delta end_turn", "stop"],
    ),
    "D-T13 end mark without a finish": (
        [frame("a"), DONE],
        ["S0 text", "D0 a", "E0", "delta end_turn", "stop"],
    ),
    "D-T21 content filter": (
        [frame("a"), frame(finish="content_filter"), DONE],
        ["S0 text", "D0 a", "E0", "delta refusal", "stop"],
    ),
    "stop although a tool was called": (
        [frame(tools=[tool(id="1", name="t", arguments="{}")]), frame(finish="stop"), DONE],
        ["S0 t", "D0 {}", "E0", "delta tool_use", "stop"],
    ),
    "R-25 no end mark": (
        [frame("a"), frame(finish="stop")],
        ["S0 text", "D0 a", "E0", "delta end_turn", "stop"],
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(name: str) -> None:
    chunks, expected = SEQUENCES[name]
    assert outline(translate(sse(*chunks), "messages")[0]) == ["start", *expected]


@pytest.mark.parametrize("end", ["end", "cut", "idle"])
def test_d_t13_d_h9_a_stream_without_finish_is_an_error(end: Any) -> None:
    stream, translator = translate(sse(frame("a")), "messages", end)
    assert outline(stream) == ["start", "S0 text", "D0 a", "E0", "error api_error"]
    assert translator.facts.error


@pytest.mark.parametrize("broken", ["{not json", '{"error":{"message":"overloaded"}}', '"text"'])
def test_d_h9_bad_frames_end_with_one_error(broken: str) -> None:
    stream, _ = translate(sse(frame("a"), broken, frame("late"), DONE), "messages")
    assert outline(stream) == ["start", "S0 text", "D0 a", "E0", "error api_error"]


def test_d_t14_late_usage_is_reported() -> None:
    stream, _ = translate(
        sse(frame("a"), frame(finish="stop"), {"choices": [], "usage": USAGE}, DONE), "messages"
    )
    assert b'"usage":{"input_tokens":12,"output_tokens":3}}' in stream


def test_d_t20_message_start_carries_the_estimate() -> None:
    stream, _ = translate(sse(frame("a"), frame(finish="stop"), DONE), "messages")
    assert b'"usage":{"input_tokens":5,"output_tokens":0}}}' in stream.split(b"\n\n")[0]


@pytest.mark.parametrize(
    "odd", [{"choices": [{"index": 0}]}, {"choices": [{"delta": None}]}, {"id": "x"}, {}]
)
def test_d_t23_frames_without_a_delta_are_empty(odd: Any) -> None:
    stream, _ = translate(sse(odd, frame("a"), odd, frame(finish="stop"), DONE), "messages")
    assert outline(stream) == ["start", "S0 text", "D0 a", "E0", "delta end_turn", "stop"]


def test_d_t12_stop_sequence_is_null_when_upstream_does_not_tell() -> None:
    stream, _ = translate(sse(frame("a"), frame(finish="stop"), DONE), "messages")
    assert b'"stop_sequence":null' in stream
