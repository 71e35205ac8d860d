"""Anthropic requests to Claude pass but for what Copilot refuses (upstream.md 6.2, 6.3; clients.md 1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import ModelTraits, RequestPlan
from copilot_api.engine.reference import jsontext
from tests.support.messages import BETAS, FIXTURES, TRANSLATION, ask, recorded, relay, text

CLAUDE_CODE = {"02": "claude-haiku-4.5", "05": "claude-haiku-4.5", "28": "claude-haiku-4.5"}
SCHEMA = {"type": "object", "properties": {}}
BUDGETS = ModelTraits(max_output_tokens=8000, min_thinking_budget=1024, max_thinking_budget=4000)
ADAPTIVE = ModelTraits(
    max_output_tokens=8000, adaptive_thinking=True, reasoning_effort=("low", "medium", "high")
)


def members(raw: bytes) -> dict[str, str]:
    source = raw.decode()
    return {item.key: source[item.start : item.end] for item in jsontext.members(source)}


@pytest.mark.parametrize("number", CLAUDE_CODE)
def test_claude_code_passes_with_its_billing_line_and_schema_marks_gone(number: str) -> None:
    body = recorded("claude-code", number)
    got, made = relay(body, CLAUDE_CODE[number], betas=BETAS)
    assert made.rewrites == (
        "removed $schema of tools",
        "removed the client's billing line from the system prompt",
    )
    assert got["system"] == body["system"][1:]
    for tool in body["tools"]:
        tool["input_schema"].pop("$schema", None)
    assert got["tools"] == body["tools"]
    before, after = members(json.dumps(body).encode()), members(made.body)
    assert list(after) == list(before)
    same = {key for key in before if before[key] == after[key]}
    assert set(before) - same == {"system", "tools"}


def test_claude_code_without_betas_loses_what_needs_them() -> None:
    body = recorded("claude-code", "05")
    got, made = relay(body, "claude-haiku-4.5")
    assert "context_management" not in got
    assert not any("defer_loading" in tool for tool in got["tools"])
    assert len(got["tools"]) == len(body["tools"])
    assert {
        "removed context_management, whose beta upstream does not get",
        "removed defer_loading of tools",
    } <= set(made.rewrites)
    assert not any(rewrite.startswith(("dropped ", "left out ")) for rewrite in made.rewrites)


def test_claude_code_system_messages_become_reminders_in_the_users_turn() -> None:
    body = recorded("claude-code", "08")
    got, made = relay(body, "claude-opus-5", betas=BETAS)
    assert [turn["role"] for turn in got["messages"]] == ["user", "assistant", "user"]
    first, _, last = got["messages"]
    assert first["content"][:2] == body["messages"][0]["content"]
    assert first["content"][2]["text"].startswith("<system-reminder>\n# Environment")
    assert last["content"] == [
        *body["messages"][3]["content"],
        {
            "type": "text",
            "text": "<system-reminder>\n"
            "<total_tokens>14992050 tokens left</total_tokens>\n"
            "</system-reminder>",
            "cache_control": {"type": "ephemeral"},
        },
    ]
    assert "system messages within the conversation sent as the user's" in made.rewrites


def test_the_recorded_gateway_request() -> None:
    body = json.loads((FIXTURES / "upstream/messages/request_claude_code.json").read_bytes())
    got, made = relay(body, "claude-sonnet-4.6", model="claude-sonnet-4.6")
    assert got["model"] == "claude-sonnet-4.6"
    assert got["system"] == [text("You are Claude Code ...", cache_control={"type": "ephemeral"})]
    assert [list(tool) for tool in got["tools"]] == [["name", "description", "input_schema"]]
    assert "left out the server tool web_search" in made.rewrites
    assert got["thinking"] == {"type": "adaptive"}
    assert got["messages"] == body["messages"]


def test_the_official_request_passes_byte_for_byte() -> None:
    raw = (FIXTURES / "upstream/messages/request_official.json").read_bytes()
    made = TRANSLATION.request(raw, RequestPlan("messages", "messages", model="claude-sonnet-4.6"))
    assert made.body == raw
    assert made.rewrites == ()


def test_untouched_members_keep_their_bytes() -> None:
    raw = (
        '{ "model" : "a", "max_tokens" : 1e3 , "messages":[ {"role":"user","content":"\\u00e9 é \\ud800"} ],'
        ' "temperature": 1.0, "speed":"fast" , "metadata" : {"user_id":"x", "z": 1.50} }'
    ).encode()
    made = TRANSLATION.request(raw, RequestPlan("messages", "messages", model="b"))
    assert made.body == raw.replace(b'"a"', b'"b"').replace(b'"speed":"fast" , ', b"")
    assert made.rewrites == ("dropped speed",)


@pytest.mark.parametrize(
    ("given", "traits", "stream", "sent"),
    [
        (None, None, True, 8192),
        (None, BUDGETS, True, 8000),
        (9000, BUDGETS, True, 8000),
        (7000, BUDGETS, True, 7000),
        (9000, None, True, 9000),
        (32000, ModelTraits(max_output_tokens=32000), False, 16000),
        (32000, ModelTraits(max_output_tokens=32000), True, 32000),
    ],
)
def test_the_cap(given: int | None, traits: ModelTraits | None, stream: bool, sent: int) -> None:
    body = ask("hi", stream=stream)
    del body["max_tokens"]
    if given is not None:
        body["max_tokens"] = given
    got, made = relay(body, traits=traits)
    assert got["max_tokens"] == sent
    assert bool(made.rewrites) == (given != sent)


@pytest.mark.parametrize(
    ("thinking", "effort", "traits", "made", "effort_sent"),
    [
        ({"type": "enabled", "budget_tokens": 3000}, None, BUDGETS, ("enabled", 3000), None),
        ({"type": "enabled", "budget_tokens": 9000}, None, BUDGETS, ("enabled", 4000), None),
        ({"type": "enabled", "budget_tokens": 5}, None, BUDGETS, ("enabled", 1024), None),
        ({"type": "adaptive"}, None, BUDGETS, ("enabled", 4000), None),
        ({"type": "adaptive"}, "low", BUDGETS, ("enabled", 1024), None),
        ({"type": "adaptive"}, "high", ADAPTIVE, ("adaptive", None), "high"),
        ({"type": "adaptive"}, "max", ADAPTIVE, ("adaptive", None), "high"),
        ({"type": "adaptive"}, "minimal", ADAPTIVE, ("adaptive", None), "low"),
        ({"type": "enabled", "budget_tokens": 3000}, None, ADAPTIVE, ("adaptive", None), "medium"),
        ({"type": "adaptive"}, None, ModelTraits(), None, None),
        ({"type": "disabled"}, "high", ModelTraits(), ("disabled", None), None),
        ({"type": "adaptive"}, "odd", None, ("adaptive", None), "odd"),
    ],
)
def test_thinking_and_effort_as_the_model_has_them(
    thinking: dict[str, Any],
    effort: str | None,
    traits: ModelTraits | None,
    made: tuple[str, int | None] | None,
    effort_sent: str | None,
) -> None:
    body = ask("hi", thinking=thinking, stream=True) | {"max_tokens": 8000}
    if effort is not None:
        body["output_config"] = {"effort": effort}
    got, _ = relay(body, traits=traits)
    sent = got.get("thinking")
    assert (None if sent is None else (sent["type"], sent.get("budget_tokens"))) == made
    assert got.get("output_config", {}).get("effort") == effort_sent
    assert got.get("output_config") != {}


def test_the_budget_stays_below_the_cap_and_thinking_goes_where_there_is_no_room() -> None:
    thinking = {"type": "enabled", "budget_tokens": 3000}
    assert relay(ask("hi", thinking=thinking) | {"max_tokens": 2000}, traits=BUDGETS)[0]["thinking"] == {
        "type": "enabled",
        "budget_tokens": 1999,
    }
    got, made = relay(ask("hi", thinking=thinking), traits=BUDGETS)
    assert "thinking" not in got
    assert made.rewrites == ("dropped thinking, since max_tokens leaves no room for it",)


@pytest.mark.parametrize(
    ("sampling", "thinks", "kept"),
    [
        ({"temperature": 0.5, "top_p": 0.9}, False, {"temperature": 0.5}),
        ({"temperature": 0.5, "top_p": 1.0}, False, {"temperature": 0.5}),
        ({"temperature": 1, "top_p": 0.9}, False, {"top_p": 0.9}),
        ({"temperature": 0.5, "top_k": 4}, False, {"temperature": 0.5, "top_k": 4}),
        ({"temperature": 0.5, "top_k": 4, "top_p": 0.5}, True, {}),
        ({"temperature": 1, "top_p": 0.97}, True, {"top_p": 0.97}),
        ({"temperature": 1}, True, {"temperature": 1}),
    ],
)
def test_sampling(sampling: dict[str, Any], thinks: bool, kept: dict[str, Any]) -> None:
    extra = {"thinking": {"type": "adaptive"}} if thinks else {}
    got, _ = relay(ask("hi", **sampling, **extra))
    assert {name: got[name] for name in ("temperature", "top_p", "top_k") if name in got} == kept


def test_a_schema_the_model_cannot_be_held_to_goes_into_the_system_prompt() -> None:
    body = recorded("py-anthropic", "23")
    got, made = relay(body, traits=ModelTraits())
    assert "output_config" not in got
    assert '"required":["name","age"]' in got["system"][-1]["text"]
    assert any(rewrite.startswith("dropped output_config.format") for rewrite in made.rewrites)
    kept, _ = relay(body, traits=ModelTraits(structured_outputs=True))
    assert kept == body
    old = {key: value for key, value in body.items() if key != "output_config"}
    moved, _ = relay(old | {"output_format": body["output_config"]["format"]})
    assert moved == body


@pytest.mark.parametrize(
    ("tool", "betas", "sent"),
    [
        ({"name": "a", "input_schema": SCHEMA, "type": "custom"}, (), {"name": "a", "input_schema": SCHEMA}),
        (
            {"name": "a", "input_schema": SCHEMA, "eager_input_streaming": True, "other": 1},
            (),
            {"name": "a", "input_schema": SCHEMA, "other": 1},
        ),
        (
            {"name": "a", "input_schema": SCHEMA, "defer_loading": True},
            BETAS,
            {"name": "a", "input_schema": SCHEMA, "defer_loading": True},
        ),
        ({"name": "a"}, (), {"name": "a", "input_schema": SCHEMA}),
        (
            {"name": "a", "input_schema": {"properties": {"x": {"type": "string"}}}},
            (),
            {"name": "a", "input_schema": {"properties": {"x": {"type": "string"}}, "type": "object"}},
        ),
        (
            {"name": "a", "input_schema": {"anyOf": [{"properties": {"x": {}}}, {"properties": {"y": {}}}]}},
            (),
            {"name": "a", "input_schema": {"properties": {"x": {}, "y": {}}, "type": "object"}},
        ),
        ({"type": "tool_search_tool_regex_20251119", "name": "s"}, (), None),
        (
            {"type": "tool_search_tool_regex_20251119", "name": "s"},
            BETAS,
            {"type": "tool_search_tool_regex_20251119", "name": "s"},
        ),
        ({"type": "bash_20250124", "name": "bash"}, BETAS, None),
    ],
)
def test_tools(tool: dict[str, Any], betas: tuple[str, ...], sent: dict[str, Any] | None) -> None:
    choice = {"type": "tool", "name": tool["name"]}
    got, made = relay(ask("hi", tools=[tool], tool_choice=choice), betas=betas)
    assert got.get("tools") == (None if sent is None else [sent])
    assert ("tool_choice" in got) == (sent is not None)
    assert bool(made.rewrites) == (tool != sent)


def test_the_choice_of_a_tool_that_was_left_out_goes() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}, {"name": "a", "input_schema": SCHEMA}]
    for name in ("web_search", "a"):
        got, _ = relay(ask("hi", tools=tools, tool_choice={"type": "tool", "name": name}))
        assert ("tool_choice" in got) == (name == "a")


def test_cache_marks_without_what_needs_a_beta_and_at_most_four() -> None:
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    turns = [
        {"role": ("user", "assistant")[number % 2], "content": [text(str(number), cache_control=mark)]}
        for number in range(5)
    ]
    body = {
        "model": "m",
        "max_tokens": 9,
        "system": [text("a", cache_control=mark), text("b", cache_control=mark)],
        "tools": [{"name": "t", "input_schema": SCHEMA, "cache_control": mark}],
        "messages": turns,
    }
    got, made = relay(body)
    assert "cache_control" not in got["tools"][0]
    assert [block.get("cache_control") for block in got["system"]] == [None, {"type": "ephemeral"}]
    marks = [turn["content"][0].get("cache_control") for turn in got["messages"]]
    assert marks == [None, None, *[{"type": "ephemeral"}] * 3]
    assert "removed cache marks beyond the 4 that upstream takes" in made.rewrites
    kept, _ = relay(
        ask({"role": "user", "content": [text("x", cache_control=mark)]}), betas=("extended-cache-ttl-1",)
    )
    assert kept["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    few, _ = relay(ask({"role": "user", "content": [text(str(n), cache_control=mark) for n in range(6)]}))
    assert sum("cache_control" in block for block in few["messages"][0]["content"]) == 4


def tool_turns(call_id: str) -> list[dict[str, Any]]:
    call = {"type": "tool_use", "id": call_id, "name": "t", "input": {}}
    result = {"type": "tool_result", "tool_use_id": call_id, "content": "ok"}
    return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


def test_ids_that_upstream_refuses_are_changed_alike_in_call_and_result() -> None:
    got, made = relay(ask("hi", *tool_turns("call.1:a"), *tool_turns("call_1_a")))
    calls = [turn["content"][0]["id"] for turn in got["messages"][1::2]]
    results = [turn["content"][0]["tool_use_id"] for turn in got["messages"][2::2]]
    assert calls == results
    assert calls[1] == "call_1_a"
    assert calls[0].startswith("call_1_a_")
    assert made.rewrites == ("tool call ids sent in the form upstream takes",)


@pytest.mark.parametrize(
    ("block", "plan", "kept"),
    [
        ({"type": "thinking", "thinking": "t", "signature": "native"}, {}, {"signature": "native"}),
        ({"type": "thinking", "thinking": "", "signature": "native"}, {}, {"signature": "native"}),
        ({"type": "thinking", "thinking": "t", "signature": ""}, {}, None),
        ({"type": "thinking", "thinking": "t", "signature": "copilot-api:chat:m:x"}, {}, None),
        ({"type": "thinking", "thinking": "t", "signature": "copilot-api:messages:other:x"}, {}, None),
        (
            {"type": "thinking", "thinking": "t", "signature": "copilot-api:messages:m:x"},
            {},
            {"signature": "x"},
        ),
        ({"type": "redacted_thinking", "data": "native"}, {}, {"data": "native"}),
        ({"type": "redacted_thinking", "data": "native"}, {"without_reasoning": True}, None),
        ({"type": "thinking", "thinking": "t", "signature": "s"}, {"without_reasoning": True}, None),
        (
            {"type": "thinking", "thinking": "t", "signature": "s", "cache_control": {"type": "ephemeral"}},
            {},
            {"signature": "s"},
        ),
    ],
)
def test_reasoning_goes_back_only_to_the_model_that_made_it(
    block: dict[str, Any], plan: dict[str, Any], kept: dict[str, str] | None
) -> None:
    answer = {"role": "assistant", "content": [block, text("so")]}
    got, made = relay(ask("hi", answer, {"role": "user", "content": "on"}), "m", **plan)
    content = got["messages"][1]["content"]
    assert len(content) == (1 if kept is None else 2)
    if kept is not None:
        assert content[0].items() >= kept.items()
        assert "cache_control" not in content[0]
    assert bool(made.rewrites) == (got["messages"][1] != answer)


def test_blank_text_goes_and_so_does_a_message_of_nothing_else() -> None:
    blank = {"role": "assistant", "content": [text(" \n")]}
    got, made = relay(
        ask({"role": "user", "content": [text("a"), text("")]}, blank, {"role": "user", "content": "b"})
    )
    assert got["messages"] == [{"role": "user", "content": [text("a"), text("b")]}]
    assert made.rewrites == ("removed blank text", "removed empty messages")


def test_a_folded_message_before_a_result_stays_behind_it() -> None:
    call, result = tool_turns("c")
    got, _ = relay(ask("hi", call, {"role": "system", "content": "note"}, result))
    assert [block["type"] for block in got["messages"][2]["content"]] == ["tool_result", "text"]


def test_two_answers_that_meet_keep_one_thought() -> None:
    def answer(name: str) -> dict[str, Any]:
        thought = {"type": "thinking", "thinking": name, "signature": name}
        return {"role": "assistant", "content": [thought, text(name)]}

    body = ask(
        "hi", answer("a"), {"role": "user", "content": " "}, answer("b"), {"role": "user", "content": "on"}
    )
    got, _ = relay(body)
    assert [block.get("thinking") for block in got["messages"][1]["content"]] == [None, "b", None]


def test_a_conversation_that_ends_with_the_assistant_goes_on() -> None:
    got, made = relay(ask("hi", "{"))
    assert got["messages"][-1] == {"role": "user", "content": [text("Please continue.")]}
    assert made.rewrites[0].startswith("left out prefilling")


def test_tool_references_and_server_blocks_need_the_beta() -> None:
    reference = {"type": "tool_reference", "tool_name": "Grep"}
    found = {"type": "tool_search_tool_result", "tool_use_id": "s", "content": []}
    call = {"type": "tool_use", "id": "c", "name": "ToolSearch", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [reference]}
    body = ask(
        "hi",
        {"role": "assistant", "content": [found, {"type": "mcp_tool_use", "id": "m"}, call]},
        {"role": "user", "content": [result]},
    )
    got, _ = relay(body, betas=BETAS)
    assert got["messages"][1]["content"] == [found, call]
    assert got["messages"][2]["content"] == [result]
    got, made = relay(body)
    assert got["messages"][1]["content"] == [call]
    assert got["messages"][2]["content"][0]["content"] == [text("Tool Grep is available.")]
    assert set(made.rewrites) >= {"dropped mcp_tool_use", "dropped tool_search_tool_result"}


def test_clearing_thoughts_needs_thinking() -> None:
    edits = [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}]
    body = ask("hi", context_management={"edits": edits})
    assert relay(body, betas=BETAS)[0]["context_management"] == {"edits": edits[1:]}
    assert (
        "context_management" not in relay(ask("hi", context_management={"edits": edits[:1]}), betas=BETAS)[0]
    )
    thinking = relay(body | {"thinking": {"type": "adaptive"}}, betas=BETAS)[0]
    assert thinking["context_management"] == {"edits": edits}


def test_members_that_the_model_is_known_to_refuse() -> None:
    tools = [{"name": "a", "input_schema": SCHEMA, "strict": True}]
    body = ask("hi", tools=tools, temperature=0.5, output_config={"effort": "high"})
    got, made = relay(body, dropped=("tools.0.strict", "temperature", "output_config.effort", "absent"))
    assert got == ask("hi", tools=[{"name": "a", "input_schema": SCHEMA}])
    assert made.rewrites == (
        "dropped tools.0.strict, which the model refuses",
        "dropped temperature, which the model refuses",
        "dropped output_config.effort, which the model refuses",
    )


def test_odd_shapes_are_left_to_upstream() -> None:
    body = ask("hi", 3, {"role": "user", "content": [4, {"type": 5}]}, tools=[6], system=[7], thinking=8)
    body |= {"messages": [*body["messages"], None], "output_config": 9, "max_tokens": "x"}
    got, _ = relay(body, traits=BUDGETS, betas=BETAS)
    assert got == body
