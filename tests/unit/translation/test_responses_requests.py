"""Responses requests: their facts, over another leg, over their own, and other dialects over theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, ModelTraits, RequestPlan
from tests.support.responses import FIXTURES, MODEL, TRANSLATION, facts, recordings, sent

RECORDINGS = recordings()
PICTURE = "data:image/png;base64,AAAA"
USER = {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "done"}


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_requests_have_facts(name: str) -> None:
    request = RECORDINGS[name]
    found = facts(request)
    assert found.model == request["model"]
    assert found.stream is (request.get("stream") is True)
    assert found.tools == len(request.get("tools", []))
    assert found.vision is ("input_image" in json.dumps(request["input"]))
    last = request["input"][-1] if isinstance(request["input"], list) else {"role": "user"}
    assert found.initiator == ("user" if last.get("role") == "user" else "agent")


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_requests_keep_their_texts_calls_and_results_over_chat(name: str) -> None:
    request = RECORDINGS[name]
    value, _ = sent(request, "responses", "chat")
    written = json.dumps(value["messages"])
    for item in request["input"] if isinstance(request["input"], list) else ():
        content = item.get("content", [])
        for part in content if isinstance(content, list) else [{"text": content}]:
            assert json.dumps(part.get("text", ""))[1:-1] in written
        if "call_id" in item:
            assert item["call_id"] in written
        if item.get("type") in ("function_call_output", "custom_tool_call_output"):
            assert {"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]} in value[
                "messages"
            ]
        if item.get("type") == "custom_tool_call":
            arguments = json.dumps({"input": item["input"]}, separators=(",", ":"))
            assert json.dumps(arguments) in written
    offered = {tool["function"]["name"] for tool in value.get("tools", [])}
    for tool in request.get("tools", []):
        if tool["type"] in ("function", "custom"):
            assert tool["name"] in offered
        for inner in tool.get("tools", []):
            assert f"{tool['name']}__{inner['name']}" in offered


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_requests_pass_their_own_leg(name: str) -> None:
    request = RECORDINGS[name]
    value, made = sent(request, "responses", "responses")
    assert value["store"] is False
    assert "client_metadata" not in value
    assert not any(tool["type"] == "web_search" for tool in value.get("tools", []))
    if isinstance(request["input"], list):
        want = [{k: v for k, v in item.items() if k != "id"} for item in request["input"]]
        assert value["input"] == want
    untouched = set(request) - {"store", "client_metadata", "tools", "input"}
    assert {k: request[k] for k in untouched} == {k: v for k, v in value.items() if k in untouched}
    assert all(not change.startswith("dropped") for change in made.rewrites)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"model": 5}, "model"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [USER, {"role": "user", "content": [{}]}]}, "input[1].content[0].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 5}]}, "input[0].output"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"instructions": 5}, "instructions"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True}, "background"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "x"}]}, "tools[0].type"),
        ({"reasoning": "high"}, "reasoning"),
        ({"text": 1}, "text"),
    ],
)
def test_what_is_refused_names_its_member(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        facts({"model": "m", "input": "x", **change})
    assert caught.value.path == path


def test_a_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        facts([])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("items", "initiator"),
    [
        ([USER], "user"),
        ([USER, {"role": "developer", "content": "be brief"}], "user"),
        ([USER, CALL, OUTPUT], "agent"),
        ([USER, CALL, OUTPUT, USER], "user"),
        ([USER, {"type": "message", "role": "assistant", "content": "Hello"}], "agent"),
        ([{"type": "compaction", "encrypted_content": "x"}], "agent"),
        ([], "user"),
    ],
)
def test_the_last_item_tells_who_asked(items: list[Any], initiator: str) -> None:
    assert facts({"model": "m", "input": items}).initiator == initiator


@pytest.mark.parametrize(
    ("reasoning", "wanted"),
    [
        ({"effort": "high"}, True),
        ({"summary": "auto"}, True),
        ({"effort": "none"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_facts_of_reasoning_and_pictures(reasoning: Any, wanted: bool) -> None:
    shown = {**OUTPUT, "output": [{"type": "input_image", "image_url": PICTURE}]}
    found = facts(
        {
            "model": "m",
            "input": [CALL, shown],
            "reasoning": reasoning,
            "tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "mcp__x"}]}],
        }
    )
    assert found.reasoning is wanted
    assert found.vision
    assert found.has_mcp_tool


def test_options_over_chat() -> None:
    request = {
        "model": "m",
        "instructions": "Be brief.",
        "input": "Hi",
        "max_output_tokens": 9,
        "temperature": 0.5,
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "store": True,
        "truncation": "auto",
        "include": ["reasoning.encrypted_content", "file_search_call.results"],
        "client_metadata": {"a": 1},
        "unheard_of": 1,
    }
    value, made = sent(request, "responses", "chat")
    assert value["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]
    assert value["max_tokens"] == 9
    assert value["temperature"] == 0.5
    assert value["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
    ]
    assert value["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert value["parallel_tool_calls"] is False
    assert set(made.rewrites) >= {
        "left out the server tool web_search",
        "store sent as false: answers are not stored here",
        "dropped truncation",
        "dropped include file_search_call.results",
        "withheld client_metadata",
        "dropped unheard_of",
    }


def test_only_the_allowed_tools_are_sent() -> None:
    tools = [{"type": "function", "name": name} for name in "abc"]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    value, _ = sent({"model": "m", "input": "x", "tools": tools, "tool_choice": choice}, "responses", "chat")
    assert [tool["function"]["name"] for tool in value["tools"]] == ["b"]
    assert value["tool_choice"] == "required"


def test_items_of_every_kind_over_chat() -> None:
    items = [
        {"type": "message", "role": "developer", "content": "rules"},
        USER,
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "native"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "two"}]},
        {"type": "local_shell_call", "call_id": "s1", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "custom_tool_call", "call_id": "p1", "name": "apply_patch", "input": "***"},
        {"type": "tool_search_call", "call_id": "t1", "arguments": {"query": "q"}},
        {"type": "function_call", "call_id": "n1", "name": "spawn", "namespace": "agents", "arguments": ""},
        {"type": "local_shell_call_output", "call_id": "s1", "output": "files"},
        {"type": "custom_tool_call_output", "call_id": "p1", "output": "patched"},
        {"type": "tool_search_output", "call_id": "t1", "tools": [{"type": "function", "name": "found"}]},
        {
            "type": "function_call_output",
            "call_id": "n1",
            "output": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": PICTURE}],
        },
        {"type": "web_search_call", "id": "ws_1"},
        {
            "type": "agent_message",
            "author": "x",
            "content": [{"type": "input_text", "text": "from an agent"}],
        },
        {"type": "compaction", "encrypted_content": "x"},
    ]
    value, made = sent({"model": "m", "input": items}, "responses", "chat")
    roles = [message["role"] for message in value["messages"]]
    assert roles[:7] == ["system", "user", "assistant", "tool", "tool", "tool", "tool"]
    calls = [(c["function"]["name"], c["function"]["arguments"]) for c in value["messages"][2]["tool_calls"]]
    assert calls == [
        ("local_shell", '{"type":"exec","command":["ls"]}'),
        ("apply_patch", '{"input":"***"}'),
        ("tool_search", '{"query":"q"}'),
        ("agents__spawn", "{}"),
    ]
    assert value["messages"][2]["content"].endswith("one\n\ntwo")
    assert PICTURE in json.dumps(value["messages"][7:])
    assert [tool["function"]["name"] for tool in value["tools"]] == ["found"]
    assert {"dropped web_search_call", "dropped compaction", "sent agent_message as a message"} <= set(
        made.rewrites
    )


def test_files_that_are_not_here_are_refused() -> None:
    for part in (
        {"type": "input_image", "file_id": "f"},
        {"type": "input_file", "file_id": "f"},
        {"type": "input_audio"},
    ):
        request = {"model": "m", "input": [{"role": "user", "content": [part]}]}
        with pytest.raises(InvalidRequest, match=r"input\[0\]\.content\[0\]"):
            sent(request, "responses", "chat")


# ------------------------------------------------------------------------------------ over its own leg


def relayed(body: str, **plan: Any) -> tuple[str, tuple[str, ...]]:
    made = TRANSLATION.request(body.encode(), RequestPlan("responses", "responses", target=MODEL, **plan))
    return made.body.decode(), made.rewrites


@pytest.mark.parametrize(
    ("body", "plan", "made"),
    [
        ('{ "a":1.0 , "model":"m","store":false}', {}, '{ "a":1.0 , "model":"m","store":false}'),
        ('{"model":"m","z":1}', {"model": "n"}, '{"model":"n","z":1,"store":false}'),
        ('{"store":true,"z":1}', {}, '{"store":false,"z":1}'),
        ('{"store":null}', {"stream": True}, '{"store":false,"stream":true}'),
        ('{"stream":true,"store":false}', {"stream": False}, '{"stream":false,"store":false}'),
        ('{"max_output_tokens":3,"store":false}', {}, '{"max_output_tokens":16,"store":false}'),
        ('{"service_tier":"flex","background":false,"x":1,"store":false}', {}, '{"x":1,"store":false}'),
        ('{"client_metadata":{},"stream_options":{},"store":false}', {}, '{"store":false}'),
        ('{"tool_choice":"auto","tools":[],"store":false}', {}, '{"tools":[],"store":false}'),
        ('{"tool_choice":"auto","tools":[{"type":"mcp"}],"store":false}', {}, '{"store":false}'),
        ('{"temperature":1.0,"store":false}', {"dropped": ("temperature", "top_p")}, '{"store":false}'),
        (
            '{"reasoning":{"effort":"low","summary":"auto"},"store":false}',
            {"dropped": ("reasoning.summary",)},
            '{"reasoning":{"effort":"low"},"store":false}',
        ),
        (
            '{"reasoning":{"effort":"xhigh"},"max_output_tokens":128000,"store":false}',
            {"traits": ModelTraits(reasoning_effort=("low", "high"), max_output_tokens=64000)},
            '{"reasoning":{"effort":"high"},"max_output_tokens":64000,"store":false}',
        ),
        (
            '{"input":[ {"type":"compaction","id":"cmp"},{"role":"user","content":"\\u00e9"}],"store":false}',
            {},
            '{"input":[ {"type":"compaction","id":"cmp"},{"role":"user","content":"\\u00e9"}],"store":false}',
        ),
    ],
)
def test_surgical_edits(body: str, plan: dict[str, Any], made: str) -> None:
    assert relayed(body, **plan)[0] == made


def test_items_that_upstream_does_not_take_are_mended() -> None:
    own, foreign = f"copilot-api:responses:{MODEL}:x", "copilot-api:messages:claude-opus-4.6:y"
    items = [
        {
            "type": "message",
            "id": "msg_1",
            "role": "user",
            "content": "Hi",
            "internal_chat_message_metadata_passthrough": 1,
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "native", "content": None},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": foreign},
        {
            "type": "reasoning",
            "id": "rs_3",
            "summary": [],
            "encrypted_content": foreign.replace(":y", ":redacted:y"),
        },
        {"type": "reasoning", "id": "rs_4", "summary": [{"type": "summary_text", "text": "lost"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": own},
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "local_shell_call", "id": "ls", "call_id": "s1", "action": {"command": ["ls"]}},
        {"type": "agent_message", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "unheard_of", "id": "u"},
    ]
    body, rewrites = relayed(json.dumps({"input": items, "store": False}))
    kinds = [item["type"] for item in json.loads(body)["input"]]
    assert kinds == ["message", "reasoning", "reasoning", "function_call", "message", "unheard_of"]
    assert "_1" not in body
    assert "metadata_passthrough" not in body
    assert "dropped reasoning that this model did not make" in rewrites
    without, _ = relayed(json.dumps({"input": items, "store": False}), without_reasoning=True)
    assert '"reasoning"' not in without


def test_a_carrier_of_this_very_model_goes_back_untagged() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": f"copilot-api:responses:{MODEL}:x"}
    body, _ = relayed(json.dumps({"input": [item], "store": False}))
    assert json.loads(body)["input"][0]["encrypted_content"] == "x"


# ------------------------------------------------------------------------------ other dialects over it


def test_an_anthropic_request() -> None:
    request = json.loads(
        (FIXTURES / "upstream/messages/request_claude_code.json").read_text(encoding="utf-8")
    )
    value, _ = sent(
        request, "messages", "responses", traits=ModelTraits(reasoning_effort=("low", "medium", "high"))
    )
    assert value["store"] is False
    assert value["include"] == ["reasoning.encrypted_content"]
    assert all("id" not in item for item in value["input"])
    assert all(tool["strict"] is False and "parameters" in tool for tool in value["tools"])


def test_calls_results_and_pictures_over_responses() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    request = {
        "model": "m",
        "max_tokens": 3,
        "system": "Be brief.",
        "stop_sequences": ["x"],
        "stream": True,
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "one"},
                    {"type": "tool_use", "id": "t" * 70, "name": "f", "input": {"a": 1.0}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t" * 70,
                        "is_error": True,
                        "content": [{"type": "text", "text": "no"}, picture],
                    },
                    {"type": "text", "text": "go on"},
                ],
            },
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "f"},
    }
    value, made = sent(request, "messages", "responses")
    user, said, call, output, shown, last = value["input"]
    assert value["instructions"] == "Be brief."
    assert user == {"type": "message", **USER}
    assert said["content"] == [{"type": "output_text", "text": "one"}]
    assert call["arguments"] == '{"a":1.0}'
    assert call["call_id"] == output["call_id"]
    assert len(call["call_id"]) <= 64
    assert output["output"] == "Error: no"
    assert shown["content"][1] == {"type": "input_image", "image_url": PICTURE, "detail": "auto"}
    assert last["content"][0]["text"] == "go on"
    assert value["max_output_tokens"] == 16
    assert value["tool_choice"] == {"type": "function", "name": "f"}
    assert value["stream"] is True
    assert "dropped stop" in made.rewrites
    assert "max_output_tokens 3 sent as 16" in made.rewrites


def test_only_system_text_is_still_a_request() -> None:
    value, _ = sent(
        {"model": "m", "max_tokens": 50, "system": "Say hi.", "messages": []}, "messages", "responses"
    )
    assert value["input"] == [
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Say hi."}]}
    ]
    assert "instructions" not in value
