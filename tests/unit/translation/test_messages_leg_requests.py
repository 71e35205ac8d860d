"""Conversations of other dialects as requests to Claude's own endpoint (upstream.md 6.2, 11.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import InvalidRequest, ModelTraits, RequestPlan
from copilot_api.engine.reference import carriers, jsontext
from copilot_api.engine.reference.canonical import (
    Block,
    Conversation,
    File,
    Image,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from copilot_api.engine.reference.formats.messages.encode_request import encode_request
from tests.support.messages import traits

MARK = {"type": "ephemeral"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def plain(value: Any) -> Any:
    """The value as Python's own JSON gives it."""
    return json.loads(jsontext.dumps(value))


def encode(
    *turns: Turn, plan: dict[str, Any] | None = None, **conversation: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    options = jsontext.loads(json.dumps(conversation.pop("options", {})).encode())
    given = Conversation("claude", turns or (user("hi"),), options, **conversation)
    made, rewrites = encode_request(given, RequestPlan("chat", "messages", target="claude", **(plan or {})))
    return plain(made), rewrites


def user(*blocks: str | Block, cache: Any = None) -> Turn:
    return Turn(
        "user", tuple(Text(block) if isinstance(block, str) else block for block in blocks), cache=cache
    )


def model(*blocks: str | Block) -> Turn:
    return Turn("assistant", tuple(Text(block) if isinstance(block, str) else block for block in blocks))


def system(text: str, cache: Any = None) -> Turn:
    return Turn("system", (Text(text),), plain=True, cache=cache)


def call(call_id: str, name: str = "t", arguments: str = '{"x":1.0}') -> ToolCall:
    return ToolCall(call_id, name, arguments)


def result(call_id: str, text: str = "ok", name: str = "") -> ToolResult:
    return ToolResult(call_id, (Text(text),), name=name)


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def shape(made: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(turn["role"], [block["type"] for block in turn["content"]]) for turn in made["messages"]]


def test_a_plain_conversation() -> None:
    made, rewrites = encode(system("be brief"), user("hi"), model("hello"), user("bye"))
    assert made == {
        "model": "claude",
        "system": [said("be brief")],
        "messages": [
            {"role": "user", "content": [said("hi")]},
            {"role": "assistant", "content": [said("hello")]},
            {"role": "user", "content": [said("bye")]},
        ],
        "max_tokens": 8192,
    }
    assert rewrites == ("set max_tokens to 8192, since upstream wants one",)


def test_results_come_first_in_one_user_turn() -> None:
    made, rewrites = encode(
        user("hi"),
        model("let me see", call("a"), call("b")),
        user(result("b")),
        user("and", result("a")),
        options={"max_tokens": 5},
    )
    assert shape(made) == [
        ("user", ["text"]),
        ("assistant", ["text", "tool_use", "tool_use"]),
        ("user", ["tool_result", "tool_result", "text"]),
    ]
    assert made["messages"][1]["content"][1] == {
        "type": "tool_use",
        "id": "a",
        "name": "t",
        "input": {"x": 1.0},
    }
    assert [block.get("tool_use_id") for block in made["messages"][2]["content"]] == ["b", "a", None]
    assert rewrites == ()


def test_calls_without_ids_are_paired_by_name_and_order() -> None:
    made, _ = encode(
        user("hi"),
        model(call("", "one"), call("", "two"), call("", "two")),
        user(result("", "first two", "two"), result("", "second two", "two"), result("", "the one", "one")),
        model(call("", "one")),
        user(result("", "again")),
    )
    ids = [block["id"] for block in made["messages"][1]["content"]]
    assert len(set(ids)) == 3
    assert [(block["tool_use_id"], block["content"]) for block in made["messages"][2]["content"]] == [
        (ids[1], "first two"),
        (ids[2], "second two"),
        (ids[0], "the one"),
    ]
    assert made["messages"][3]["content"][0]["id"] not in ids


def test_equal_and_illegal_ids_are_made_fit_for_upstream() -> None:
    made, rewrites = encode(
        user("hi"),
        model(call("c.1")),
        user(result("c.1")),
        model(call("c")),
        user(result("c")),
        model(call("c")),
        user(result("c")),
    )
    calls = [turn["content"][0]["id"] for turn in made["messages"][1::2]]
    assert calls == [turn["content"][0]["tool_use_id"] for turn in made["messages"][2::2]]
    assert calls[1:] == ["c", "c_2"]
    assert "tool call ids sent in the form upstream takes" in rewrites


def test_orphans_of_both_kinds() -> None:
    made, rewrites = encode(
        user("hi"), model(call("a"), call("b")), user(result("b"), result("lost", "old"), "on")
    )
    last = made["messages"][2]["content"]
    assert [block["type"] for block in last] == ["tool_result", "tool_result", "text", "text", "text"]
    assert last[1] == {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": "No result was recorded for this call.",
        "is_error": True,
    }
    assert [block["text"] for block in last[2:]] == ["Result of an earlier tool call:", "old", "on"]
    assert {"added results for tool calls without one", "a tool result without its call sent as text"} <= set(
        rewrites
    )
    made, _ = encode(user("hi"), model(call("a")))
    assert shape(made)[-1] == ("user", ["tool_result"])


def test_results_hold_pictures_and_files_and_say_that_they_failed() -> None:
    content = (Text("see"), Image("data:image/jpg;base64,QQ=="), File("QQ==", "application/pdf", "a.pdf"))
    made, _ = encode(
        user("hi"),
        model(call("a"), call("b")),
        user(ToolResult("a", content, is_error=True), ToolResult("b", ())),
    )
    first, second = made["messages"][2]["content"]
    assert first == {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": [
            said("see"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "QQ=="}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
                "title": "a.pdf",
            },
        ],
        "is_error": True,
    }
    assert second == {"type": "tool_result", "tool_use_id": "b"}


def test_media() -> None:
    made, _ = encode(user(Image("https://example.com/a.png"), File("aGk=", "text/markdown")))
    assert made["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
    ]


@pytest.mark.parametrize(
    "block", [Image("data:image/png,abc"), File("QQ==", "application/zip"), File("%", "text/plain")]
)
def test_media_that_cannot_be_sent_are_refused_by_place(block: Block) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode(user("hi"), model("x"), user(block))
    assert caught.value.path == "messages[2]"


def test_reasoning_goes_back_first_and_only_where_it_came_from() -> None:
    own = carriers.tag("sig", "messages", "claude")
    hidden = carriers.tag("redacted:data", "messages", "claude")
    foreign = carriers.tag("x", "responses", "claude")
    turn = model(
        "so", Reasoning("hm", own), Reasoning("", hidden), Reasoning("no", foreign), Reasoning("bare")
    )
    made, rewrites = encode(user("hi"), turn, user("on"))
    assert made["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "data"},
        said("so"),
    ]
    assert "dropped reasoning of another model" in rewrites
    made, rewrites = encode(user("hi"), turn, user("on"), plan={"without_reasoning": True})
    assert made["messages"][1]["content"] == [said("so")]
    assert "dropped reasoning, which upstream refused" in rewrites


def test_system_turns_within_the_conversation_become_the_users() -> None:
    made, rewrites = encode(
        system("a"), system("b"), user("hi"), model(call("c")), system("note"), user(result("c"))
    )
    assert made["system"] == [said("a"), said("b")]
    assert made["messages"][2]["content"][1] == said("<system-reminder>\nnote\n</system-reminder>")
    assert "system messages within the conversation sent as the user's" in rewrites
    made, rewrites = encode(system("a"), system("alone"))
    assert (made["system"], made["messages"]) == ([said("a")], [{"role": "user", "content": [said("alone")]}])


def test_ends_of_the_conversation() -> None:
    made, rewrites = encode(model("hello"), user("hi"), model("{"))
    assert [turn["role"] for turn in made["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert made["messages"][-1]["content"] == [said("Please continue.")]
    assert any(rewrite.startswith("left out prefilling") for rewrite in rewrites)


@pytest.mark.parametrize(
    ("thinking", "name", "made", "effort"),
    [
        (
            Thinking(effort="high", summary="auto"),
            "claude-opus-4.6",
            {"type": "adaptive", "display": "summarized"},
            "high",
        ),
        (Thinking(effort="xhigh"), "claude-opus-4.6", {"type": "adaptive", "display": "summarized"}, "high"),
        (Thinking(adaptive=True), "claude-opus-4.6", {"type": "adaptive"}, None),
        (Thinking(budget=4000), "claude-opus-4.6", {"type": "enabled", "budget_tokens": 4000}, None),
        (Thinking(budget=4000), "claude-opus-5", {"type": "adaptive"}, "medium"),
        (Thinking(effort="none"), "claude-opus-5", None, None),
        (Thinking(effort="low"), "claude-haiku-4.5", {"type": "enabled", "budget_tokens": 1024}, None),
        (Thinking(effort="high"), "claude-haiku-4.5", {"type": "enabled", "budget_tokens": 16384}, None),
        (Thinking(adaptive=True), "claude-haiku-4.5", {"type": "enabled", "budget_tokens": 16000}, None),
        (Thinking(effort="high"), "gpt-4.1", None, None),
    ],
)
def test_thinking(thinking: Thinking, name: str, made: dict[str, Any] | None, effort: str | None) -> None:
    got, _ = encode(thinking=thinking, options={"stream": True}, plan={"traits": traits()[name]})
    sent = got.get("thinking")
    if sent is not None and made is not None and sent["type"] == "enabled":
        sent.pop("display", None)
    assert sent == made
    assert got.get("output_config", {}).get("effort") == effort


def test_a_forced_tool_goes_before_thinking() -> None:
    tool = Tool({"name": "t", "parameters": SCHEMA})
    made, rewrites = encode(thinking=Thinking(effort="high"), tools=(tool,), tool_choice="required")
    assert "thinking" not in made
    assert "left out thinking, which does not go with a forced tool" in rewrites


@pytest.mark.parametrize(
    ("choice", "parallel", "made"),
    [
        (None, None, None),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (
            {"type": "function", "function": {"name": "t"}},
            False,
            {"type": "tool", "name": "t", "disable_parallel_tool_use": True},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
            None,
            {"type": "any"},
        ),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice(choice: Any, parallel: bool | None, made: Any) -> None:
    tool = Tool({"name": "t", "parameters": SCHEMA})
    got, _ = encode(tools=(tool,), tool_choice=choice, parallel_tools=parallel)
    assert got.get("tool_choice") == made
    assert "tool_choice" not in encode(tool_choice=choice, parallel_tools=parallel)[0]


def test_tools() -> None:
    given = (
        Tool({"name": "a", "description": "d", "parameters": {**SCHEMA, "$schema": "x"}, "strict": True}),
        Tool({"name": "b"}),
        Tool(
            {
                "name": "c",
                "description": "patch",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"},
            },
            custom=True,
        ),
    )
    made, _ = encode(tools=given)
    assert made["tools"] == [
        {"name": "a", "description": "d", "input_schema": SCHEMA},
        {"name": "b", "input_schema": {"type": "object", "properties": {}}},
        {
            "name": "c",
            "description": "patch\n\nThe input must follow this lark grammar:\nstart: X",
            "input_schema": {
                "type": "object",
                "properties": {"input": {"type": "string", "description": "The raw text for the tool."}},
                "required": ["input"],
            },
        },
    ]
    freeform = ToolCall("i", "c", "raw text", custom=True)
    made, _ = encode(
        user("hi"), model(freeform, call("j", arguments=""), call("k", arguments="[1]")), user("x")
    )
    assert [block["input"] for block in made["messages"][1]["content"]] == [
        {"input": "raw text"},
        {},
        {"_raw": "[1]"},
    ]


def test_structured_output() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    schema = {"type": "object", "properties": {"a": inner}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    made, _ = encode(options={"response_format": form}, plan={"traits": ModelTraits(structured_outputs=True)})
    sent = made["output_config"]["format"]["schema"]
    assert sent["additionalProperties"] is False
    assert sent["properties"]["a"] == {**inner, "additionalProperties": False}
    made, rewrites = encode(options={"response_format": form}, plan={"traits": ModelTraits()})
    assert "output_config" not in made
    assert '"required":["a"]' in made["system"][0]["text"]
    assert any(rewrite.startswith("dropped output_config.format") for rewrite in rewrites)
    made, rewrites = encode(options={"response_format": {"type": "json_object"}})
    assert made["system"][0]["text"].startswith("Answer with one JSON object")
    assert "response_format sent as an instruction" in rewrites


def test_options() -> None:
    made, rewrites = encode(
        options={
            "max_completion_tokens": 7,
            "stop": ["a", " ", "b"],
            "stream": True,
            "temperature": 1.5,
            "top_k": 3,
            "user": "me",
            "seed": 1,
            "n": 1,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.5,
            "store": False,
            "logit_bias": None,
        }
    )
    del made["messages"], made["model"]
    assert made == {
        "max_tokens": 7,
        "stop_sequences": ["a", "b"],
        "stream": True,
        "temperature": 1,
        "top_k": 3,
        "metadata": {"user_id": "me"},
    }
    assert set(rewrites) == {
        "dropped blank stop sequences",
        "temperature sent as 1, the highest there is",
        "dropped seed",
        "removed n",
        "removed presence_penalty",
        "dropped frequency_penalty",
        "removed store",
    }
    assert encode(options={"stop": "x"}, plan={"stream": True})[0]["stop_sequences"] == ["x"]
    assert encode(plan={"stream": True})[0]["stream"] is True


def test_the_clients_cache_marks_stay() -> None:
    tool = Tool({"name": "t", "parameters": SCHEMA}, cache=MARK)
    made, _ = encode(system("s", cache=MARK), user("a", "b", cache={**MARK, "ttl": "1h"}), tools=(tool,))
    assert made["tools"][0]["cache_control"] == MARK
    assert made["system"][0]["cache_control"] == MARK
    assert made["messages"][0]["content"] == [said("a"), {**said("b"), "cache_control": MARK}]
    plan = {"cache_breakpoints": True}
    assert encode(user("a", cache=MARK), plan=plan)[0]["messages"][0]["content"][0]["cache_control"] == MARK


def test_breakpoints_for_clients_that_cannot_mark() -> None:
    tools = tuple(Tool({"name": name, "parameters": SCHEMA}) for name in ("a", "b"))
    turns = (user("1"), model("2"), user("3"), model("4"), user("5"))
    made, _ = encode(system("s"), system("t"), *turns, tools=tools, plan={"cache_breakpoints": True})
    assert ["cache_control" in tool for tool in made["tools"]] == [False, True]
    assert ["cache_control" in block for block in made["system"]] == [False, True]
    assert ["cache_control" in turn["content"][-1] for turn in made["messages"]] == [
        False,
        False,
        True,
        False,
        True,
    ]


CALLS = st.builds(call, st.sampled_from(["", "a", "b", "c.d"]), st.sampled_from(["t", "u"]))
RESULTS = st.builds(
    result, st.sampled_from(["", "a", "b", "c.d", "e"]), st.text(max_size=3), st.sampled_from(["", "t"])
)
TEXTS = st.builds(Text, st.text(max_size=3))
TURNS = st.one_of(
    st.builds(user, TEXTS | RESULTS, TEXTS | RESULTS),
    st.builds(model, TEXTS | CALLS, CALLS | st.builds(Reasoning, st.text(max_size=2))),
    st.builds(system, st.text(max_size=3)),
)


@given(st.lists(TURNS, max_size=8))
def test_what_upstream_insists_on_holds_for_any_conversation(turns: list[Turn]) -> None:
    made, _ = encode(user("hi"), *turns)
    messages = made["messages"]
    assert [turn["role"] for turn in messages] == [("user", "assistant")[n % 2] for n in range(len(messages))]
    assert messages[-1]["role"] == "user"
    seen: set[str] = set()
    waiting: list[str] = []
    for turn in messages:
        assert turn["content"]
        results = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
        assert sorted(results) == sorted(waiting)
        assert all(block["type"] == "tool_result" for block in turn["content"][: len(results)])
        waiting = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        assert not seen & set(waiting)
        assert len(set(waiting)) == len(waiting)
        seen |= set(waiting)
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")
