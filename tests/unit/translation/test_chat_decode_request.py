"""Chat requests into conversations, for models without a chat endpoint (upstream.md 4.1, 10.1)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference.canonical import (
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
from copilot_api.engine.reference.jsontext import Number
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.support.translating import decoded

FIXTURES = Path(__file__).parents[2] / "fixtures"
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def request(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **more}


def turns(*messages: Any) -> tuple[Turn, ...]:
    return decoded(request(*messages), "chat").conversation.turns


def function(name: str, arguments: str = "{}", call_id: str = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_roles_and_plain_contents() -> None:
    assert turns(
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}, {"type": "text", "text": "e"}]},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": None},
    ) == (
        Turn("system", (Text("s"),), plain=True),
        Turn("system", (Text("d"), Text("e"))),
        Turn("user", (Text("u"),), plain=True),
        Turn("assistant", (Text("a"),), plain=True),
        Turn("assistant", (), plain=True),
    )


def test_parts_of_a_user_message() -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_url", "image_url": PIXEL},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="}},
    ]
    (turn,) = turns({"role": "user", "content": parts})
    assert turn.blocks == (
        Text("look"),
        Image(PIXEL, "low"),
        Image(PIXEL),
        File("QQ==", "application/pdf", "a.pdf"),
    )
    assert not turn.plain


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"role": "wizard", "content": "x"}, "messages[0].role"),
        ({"content": "x"}, "messages[0].role"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "novelty"}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].image_url.url"),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
            "messages[0].content[0].file",
        ),
        ({"role": "system", "content": [{"type": "image_url", "image_url": PIXEL}]}, "messages[0].content"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": [{"id": "1"}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, "messages[0].tool_calls[0].id"),
        (
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {}}]},
            "messages[0].tool_calls[0].function.name",
        ),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "function", "name": "f", "content": "x"}, "messages[0].name"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(message: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        turns(message)
    assert caught.value.path == path


def test_a_tool_round_trip_with_parallel_calls_is_one_turn_of_results() -> None:
    made = turns(
        {"role": "assistant", "content": "", "tool_calls": [function("a"), function("b", '{"x":1}', "c2")]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "2"}]},
    )
    assert made == (
        Turn("assistant", (ToolCall("c1", "a", "{}"), ToolCall("c2", "b", '{"x":1}')), plain=True),
        Turn("user", (ToolResult("c1", (Text("1"),)), ToolResult("c2", (Text("2"),)))),
    )


@pytest.mark.parametrize(("given", "read"), [("", "{}"), (None, "{}"), ({"a": 1.0}, '{"a":1.0}')])
def test_arguments_become_json_text(given: Any, read: str) -> None:
    (turn,) = turns({"role": "assistant", "tool_calls": [function("f", given)]})
    assert turn.blocks == (ToolCall("c1", "f", read),)


def test_freeform_calls_and_their_results() -> None:
    call = {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** raw"}}
    made = turns(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "ok"}
    )
    assert made[0].blocks == (ToolCall("c1", "patch", "*** raw", custom=True),)
    assert made[1].blocks == (ToolResult("c1", (Text("ok"),), custom=True),)


def test_legacy_functions() -> None:
    body = request(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
        {"role": "function", "name": "f", "content": "7"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    made = decoded(body, "chat")
    assert made.conversation.turns == (
        Turn("assistant", (ToolCall("call_0", "f", '{"a":1}'),)),
        Turn("user", (ToolResult("call_0", (Text("7"),), name="f"),)),
    )
    assert made.conversation.tools == (Tool({"name": "f", "parameters": {"type": "object"}}),)
    assert made.conversation.tool_choice == {"type": "function", "function": {"name": "f"}}
    assert made.context.echo == {"functions": True}
    assert made.rewrites == ()


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_text": "hm", "reasoning_opaque": "o"},
        {"reasoning_content": "hm", "reasoning_opaque": "o"},
        {"reasoning": "hm", "reasoning_opaque": "o"},
    ],
)
def test_reasoning_comes_first_by_any_of_its_names(message: dict[str, Any]) -> None:
    (turn,) = turns({"role": "assistant", "content": "so", **message})
    assert turn.blocks == (Reasoning("hm", "o"), Text("so"))


def test_cache_markers_of_messages_parts_and_tools() -> None:
    marker = {"type": "ephemeral"}
    made = decoded(
        request(
            {"role": "system", "content": "s", "cache_control": marker},
            {"role": "user", "content": [{"type": "text", "text": "u", "cache_control": marker}]},
            {"role": "user", "content": "v", "copilot_cache_control": marker},
            {"role": "user", "content": "w"},
            tools=[{"type": "function", "function": {"name": "f"}, "cache_control": marker}],
        ),
        "chat",
    )
    assert [turn.cache for turn in made.conversation.turns] == [marker, marker, marker, None]
    assert made.conversation.tools == (Tool({"name": "f"}, cache=marker),)
    assert made.rewrites == ()


def test_options_keep_their_values_and_order_and_null_is_none() -> None:
    body = (
        b'{"model":"m","messages":[],"seed":1e3,"top_p":0.90,"stop":["a"],"temperature":null,'
        b'"max_completion_tokens":5,"stream":true,"stream_options":{"include_usage":true},"n":1,'
        b'"response_format":{"type":"json_object"},"verbosity":"low","user":"u"}'
    )
    made = decoded(body, "chat")
    assert list(made.conversation.options) == [
        *("max_completion_tokens", "stop", "stream", "top_p", "user", "seed", "response_format", "verbosity"),
    ]
    assert made.conversation.options["top_p"] == Number("0.90")
    assert made.rewrites == ()


def test_what_has_no_form_elsewhere_is_said() -> None:
    body = request(
        {"role": "user", "name": "ann", "content": "x"},
        logprobs=True,
        top_logprobs=2,
        modalities=["text"],
        prediction=None,
        web_search_options={},
        tools=[{"type": "web_search"}, {"type": "function", "function": {"name": "f", "extra": 1}}],
    )
    assert decoded(body, "chat").rewrites == (
        "dropped name of a message",
        "left out the tool web_search",
        "dropped extra of a tool",
        "dropped logprobs",
        "dropped top_logprobs",
        "dropped modalities",
        "dropped web_search_options",
    )


def test_more_than_one_choice_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="n: "):
        decoded(request(n=2), "chat")


@pytest.mark.parametrize(
    ("members", "thinking"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, Thinking(effort="high")),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, Thinking(effort="low", summary="auto")),
        ({"reasoning": {"summary": "auto"}}, Thinking(summary="auto")),
        ({"reasoning": {"max_tokens": 99}}, Thinking(budget=99)),
        ({"thinking_budget": 4096}, Thinking(budget=4096)),
        ({"thinking_budget": 0}, Thinking(effort="none")),
        ({"thinking_budget": -1}, Thinking(adaptive=True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Thinking(budget=2000)),
        ({"thinking": {"type": "adaptive"}}, Thinking(adaptive=True)),
        ({"thinking": {"type": "disabled"}}, Thinking(effort="none")),
        ({"reasoning_effort": None, "thinking": "x", "reasoning": []}, None),
    ],
)
def test_thinking(members: dict[str, Any], thinking: Thinking | None) -> None:
    made = decoded(request(**members), "chat")
    asked = thinking is not None and thinking.effort != "none"
    if thinking is not None and asked and thinking.summary is None:
        thinking = replace(thinking, summary="auto")
    assert made.conversation.thinking == thinking
    assert made.context.echo == ({"reasoning": True} if asked else {})
    assert made.rewrites == ()
    facts = ReferenceValidation().inspect(json.dumps(request(**members)).encode(), "chat")
    assert facts.reasoning == asked


def tool_choice(choice: Any, **more: Any) -> Any:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]
    return decoded(request(tools=tools, tool_choice=choice, **more), "chat").conversation


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        (None, None),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "a"}}, {"type": "function", "function": {"name": "a"}}),
        ({"type": "function", "name": "a"}, {"type": "function", "function": {"name": "a"}}),
        ({"type": "custom", "custom": {"name": "a"}}, {"type": "function", "function": {"name": "a"}}),
    ],
)
def test_tool_choice(choice: Any, read: Any) -> None:
    assert tool_choice(choice).tool_choice == read


def test_allowed_tools_are_the_ones_that_are_sent() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}
    made = tool_choice({"type": "allowed_tools", "allowed_tools": allowed}, parallel_tool_calls=False)
    assert made.tool_choice == "required"
    assert made.tools == (Tool({"name": "b"}),)
    assert made.parallel_tools is False


def test_freeform_tools_flatten_their_grammar_and_are_remembered() -> None:
    grammar = {"syntax": "lark", "definition": "start: /.+/"}
    custom = {"name": "patch", "description": "d", "format": {"type": "grammar", "grammar": grammar}}
    made = decoded(
        request(tools=[{"type": "custom", "custom": custom}, {"type": "custom", "name": "raw"}]), "chat"
    )
    assert made.conversation.tools == (
        Tool({"name": "patch", "description": "d", "format": {"type": "grammar", **grammar}}, custom=True),
        Tool({"name": "raw"}, custom=True),
    )
    assert made.context.custom == ("patch", "raw")


def recordings() -> list[Any]:
    found = []
    for path in sorted((FIXTURES / "clients").glob("*/*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["method"] == "POST" and entry["path"] == "/v1/chat/completions":
            found.append(pytest.param(entry["body"], id=f"{path.parent.name}-{path.stem}"))
    return found


@pytest.mark.parametrize("body", recordings())
def test_recorded_requests_lose_nothing(body: dict[str, Any]) -> None:
    made = decoded(body, "chat")
    assert made.rewrites == ()
    read = made.conversation
    blocks = [block for turn in read.turns for block in turn.blocks]
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or []]
    assert [block.id for block in blocks if isinstance(block, ToolCall)] == [call["id"] for call in calls]
    results = [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    assert [block.call_id for block in blocks if isinstance(block, ToolResult)] == results
    assert len(read.tools or ()) == len(body.get("tools") or ())
    assert len([block for block in blocks if isinstance(block, Image)]) == json.dumps(body).count(
        '"image_url": {'
    )
