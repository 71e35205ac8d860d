"""Conversations of any dialect as chat requests (upstream.md 4.1, 4.2, 11.3)."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, ModelTraits
from copilot_api.engine.reference import carriers
from copilot_api.engine.reference.canonical import (
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
from copilot_api.engine.reference.jsontext import Number
from tests.support.translating import encoded

HI = Turn("user", (Text("hi"),), plain=True)


def conversation(*turns: Turn, model: str = "m", **more: Any) -> Conversation:
    return Conversation(model, turns or (HI,), **more)


def chat(*turns: Turn, model: str = "m", plan: dict[str, Any] | None = None, **more: Any) -> Any:
    return encoded(conversation(*turns, model=model, **more), "chat", **(plan or {}))


def test_options_in_the_order_of_the_contract() -> None:
    options = {
        "n": Number("1"),
        "seed": Number("7"),
        "response_format": {"type": "json_object"},
        "user": "u",
        "stream": False,
        "max_tokens": Number("9"),
        "logit_bias": {},
    }
    made, rewrites = chat(options=options, plan={"stream": True, "cap_field": "max_completion_tokens"})
    assert list(made) == [
        *(
            "model",
            "messages",
            "max_completion_tokens",
            "stream",
            "user",
            "response_format",
            "seed",
            "logit_bias",
        ),
        "n",
    ]
    assert made["stream"] is True
    assert rewrites == ("max_tokens sent as max_completion_tokens",)


def test_output_cap_only_where_the_client_gave_none() -> None:
    assert chat(plan={"output_cap": 5})[0]["max_tokens"] == 5
    assert chat(plan={"output_cap": 5}, options={"max_tokens": None})[0]["max_tokens"] == 5
    assert chat(plan={"output_cap": 5}, options={"max_tokens": Number("0")})[0]["max_tokens"] == 0
    given = chat(plan={"output_cap": 5}, options={"max_completion_tokens": Number("7")})[0]
    assert given["max_completion_tokens"] == 7
    assert "max_tokens" not in given


def test_what_chat_does_not_have_is_dropped_and_said() -> None:
    names = ("top_k", "verbosity", "prompt_cache_key", "metadata", "service_tier", "store")
    options = dict.fromkeys(names, "x")
    made, rewrites = chat(options=options)
    assert set(made) == {"model", "messages"}
    assert set(rewrites) == {f"dropped {name}" for name in options}


def test_claude_takes_temperature_or_top_p() -> None:
    options = {"temperature": Number("1"), "top_p": Number("0.5")}
    made, rewrites = chat(options=options, model="claude-sonnet-4")
    assert "top_p" not in made
    assert rewrites == ("dropped top_p: Claude takes temperature or top_p",)
    assert chat(options=options)[0]["top_p"] == 0.5


def test_more_than_one_choice_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        chat(options={"n": Number("2")})


def test_learned_members_are_left_out() -> None:
    tools = (Tool({"name": "f", "strict": True}), Tool({"name": "g"}))
    plan = {
        "dropped": ("temperature", "tools[0].function.strict", "seed", "response_format.json_schema.strict")
    }
    layout = {"type": "json_schema", "json_schema": {"name": "a", "strict": True}}
    made, rewrites = chat(
        options={"temperature": Number("1"), "response_format": layout}, tools=tools, plan=plan
    )
    assert "temperature" not in made
    assert made["tools"][0]["function"] == {"name": "f"}
    assert made["response_format"]["json_schema"] == {"name": "a"}
    assert rewrites == (
        "dropped temperature: the model refuses it",
        "dropped tools[0].function.strict: the model refuses it",
        "dropped response_format.json_schema.strict: the model refuses it",
    )


def test_freeform_tools_and_calls_become_functions() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: X"}
    tools = (Tool({"name": "patch", "description": "Edits.", "format": grammar}, custom=True),)
    turn = Turn("assistant", (ToolCall("c", "patch", 'a "b"', custom=True),))
    made, rewrites = chat(turn, tools=tools)
    function = made["tools"][0]["function"]
    assert function["description"] == "Edits.\n\nThe input must follow this lark grammar:\nstart: X"
    assert function["parameters"]["required"] == ["input"]
    assert made["messages"][0]["tool_calls"][0]["function"]["arguments"] == '{"input":"a \\"b\\""}'
    assert rewrites == ("sent freeform tools as functions",)


def test_images_keep_their_detail_and_files_are_refused() -> None:
    made, _ = chat(Turn("user", (Text("see"), Image("u", "high"))))
    assert made["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "u", "detail": "high"},
    }
    pdf = File("QQ==", "application/pdf", "a.pdf")
    for turn in (Turn("user", (pdf,)), Turn("user", (ToolResult("c", (pdf,)),))):
        with pytest.raises(InvalidRequest, match=r"application/pdf \(a.pdf\) cannot be sent"):
            chat(turn)


# Reasoning

TAGGED = carriers.tag("value", "chat", "claude-sonnet-4")
PLAN = {"target": "claude-sonnet-4"}


def assistant(*blocks: Any, plan: dict[str, Any] | None = None, **more: Any) -> Any:
    made, rewrites = chat(Turn("assistant", blocks), HI, plan={**PLAN, **(plan or {})}, **more)
    return [message for message in made["messages"] if message["role"] == "assistant"], rewrites


def test_reasoning_goes_back_to_its_own_model() -> None:
    (made,), rewrites = assistant(Reasoning("hm", TAGGED), Text("so"))
    assert made == {"role": "assistant", "content": "so", "reasoning_text": "hm", "reasoning_opaque": "value"}
    assert rewrites == ()
    (redacted,), _ = assistant(Reasoning("", TAGGED, redacted=True), ToolCall("c", "f", "{}"))
    assert "reasoning_text" not in redacted
    assert redacted["reasoning_opaque"] == "value"
    assert redacted["content"] is None


@pytest.mark.parametrize(
    "carrier",
    [
        "",
        "untagged",
        carriers.tag("value", "messages", "claude-sonnet-4"),
        carriers.tag("value", "chat", "claude-opus-4"),
    ],
)
def test_foreign_reasoning_is_left_out(carrier: str) -> None:
    (made,), rewrites = assistant(Reasoning("hm", carrier), Text("so"))
    assert made == {"role": "assistant", "content": "so"}
    assert rewrites == ("left out reasoning that cannot go back to the model",)
    assert assistant(Reasoning("hm", carrier))[0] == []


def test_a_second_piece_of_reasoning_has_no_place() -> None:
    (made,), rewrites = assistant(Reasoning("a", TAGGED), Reasoning("b", TAGGED), Text("so"))
    assert made["reasoning_text"] == "a"
    assert rewrites == ("left out reasoning that cannot go back to the model",)


def test_an_anthropic_client_s_thinking_stays_text_for_other_models() -> None:
    for carrier, expected in (("", ()), ("untagged", ("sent reasoning of another model as text",))):
        conversed = conversation(Turn("assistant", (Reasoning("hm", carrier), Text("so"))))
        made, rewrites = encoded(conversed, "chat", "messages", **PLAN)
        assert made["messages"][0] == {"role": "assistant", "content": "hm\n\nso"}
        assert rewrites == expected


def test_without_reasoning_none_of_it_goes() -> None:
    for dialect in ("messages", "responses"):
        conversed = conversation(Turn("assistant", (Reasoning("hm", TAGGED), Reasoning("x"), Text("so"))))
        made, rewrites = encoded(conversed, "chat", dialect, without_reasoning=True, **PLAN)  # type: ignore[arg-type]
        assert made["messages"][0] == {"role": "assistant", "content": "so"}
        assert rewrites == ("left out reasoning: upstream refused it",)


# Effort and budget

EFFORTS = ModelTraits(reasoning_effort=("low", "medium", "high"))
BUDGETS = ModelTraits(min_thinking_budget=1024, max_thinking_budget=32000)


@pytest.mark.parametrize(
    ("thinking", "traits", "made", "rewrites"),
    [
        (None, EFFORTS, {}, ()),
        (Thinking(summary="auto"), EFFORTS, {}, ()),
        (Thinking(effort="high"), None, {"reasoning_effort": "high"}, ()),
        (Thinking(budget=4096), None, {}, ("dropped thinking",)),
        (Thinking(adaptive=True), None, {}, ("dropped thinking",)),
        (Thinking(effort="high"), EFFORTS, {"reasoning_effort": "high"}, ()),
        (
            *(Thinking(effort="max"), EFFORTS, {"reasoning_effort": "high"}),
            ("reasoning effort max sent as high",),
        ),
        (
            *(Thinking(effort="none"), EFFORTS, {"reasoning_effort": "low"}),
            ("reasoning effort none sent as low",),
        ),
        (Thinking(effort="wild"), EFFORTS, {}, ("dropped the unknown reasoning effort wild",)),
        (
            *(Thinking(budget=2047), EFFORTS, {"reasoning_effort": "low"}),
            ("a thinking budget of 2047 sent as reasoning effort low",),
        ),
        (
            *(Thinking(budget=16383), EFFORTS, {"reasoning_effort": "medium"}),
            ("a thinking budget of 16383 sent as reasoning effort medium",),
        ),
        (
            *(Thinking(budget=16384), EFFORTS, {"reasoning_effort": "high"}),
            ("a thinking budget of 16384 sent as reasoning effort high",),
        ),
        (Thinking(adaptive=True), EFFORTS, {}, ()),
        (Thinking(budget=5000), BUDGETS, {"thinking_budget": 5000}, ()),
        (
            *(Thinking(budget=10), BUDGETS, {"thinking_budget": 1024}),
            ("a thinking budget of 10 sent as one of 1024",),
        ),
        (
            *(Thinking(effort="high"), BUDGETS, {"thinking_budget": 16384}),
            ("reasoning effort high sent as a budget of 16384",),
        ),
        (
            *(Thinking(adaptive=True), BUDGETS, {"thinking_budget": 8192}),
            ("reasoning effort of the model sent as a budget of 8192",),
        ),
        (Thinking(effort="none"), BUDGETS, {}, ()),
        (Thinking(effort="wild"), BUDGETS, {}, ("dropped the unknown reasoning effort wild",)),
        (Thinking(effort="high"), ModelTraits(), {}, ("dropped thinking",)),
        (Thinking(effort="none"), ModelTraits(), {}, ()),
    ],
)
def test_thinking(
    thinking: Thinking | None, traits: ModelTraits | None, made: dict[str, Any], rewrites: tuple[str, ...]
) -> None:
    value, changes = chat(thinking=thinking, plan={"traits": traits})
    assert {name: value[name] for name in value if name not in ("model", "messages")} == made
    assert changes == rewrites


def test_claude_is_told_to_think_where_it_may_choose() -> None:
    made, _ = chat(thinking=Thinking(adaptive=True), plan={"traits": EFFORTS}, model="claude-opus-4.6")
    assert made["reasoning_effort"] == "medium"


def test_a_budget_stays_below_the_output_cap() -> None:
    cap = {"max_tokens": Number("3000")}
    made, _ = chat(thinking=Thinking(budget=5000), plan={"traits": BUDGETS}, options=cap)
    assert made["thinking_budget"] == 2999
    made, rewrites = chat(
        thinking=Thinking(budget=5000), plan={"traits": BUDGETS}, options={"max_tokens": Number("1000")}
    )
    assert "thinking_budget" not in made
    assert rewrites == ("dropped thinking: the output cap leaves no room for it",)


# Prompt caches

MARK = {"type": "ephemeral"}


def marks(made: dict[str, Any]) -> list[bool]:
    return ["copilot_cache_control" in entry for entry in (*made.get("tools", ()), *made["messages"])]


def test_markers_go_to_claude_and_to_no_other() -> None:
    turns = (Turn("system", (Text("s"),), cache={"type": "ephemeral", "ttl": "1h"}), HI)
    tools = (Tool({"name": "f"}), Tool({"name": "g"}, cache=MARK))
    made, rewrites = chat(*turns, tools=tools, model="claude-sonnet-4")
    assert made["messages"][0]["copilot_cache_control"] == MARK
    assert marks(made) == [False, True, True, False]
    assert rewrites == ()
    made, rewrites = chat(*turns, tools=tools)
    assert not any(marks(made))
    assert rewrites == ("dropped cache_control",)


def test_no_more_than_four_markers() -> None:
    turns = [Turn("user", (Text(str(number)),), cache=MARK) for number in range(6)]
    made, rewrites = chat(*turns, model="claude-sonnet-4")
    assert marks(made) == [True, False, False, True, True, True]
    assert rewrites == ("dropped cache_control beyond 4 markers",)


def test_markers_are_set_for_clients_that_cannot() -> None:
    turns = (
        Turn("system", (Text("s"),)),
        HI,
        Turn("assistant", (ToolCall("c", "f", "{}"),)),
        Turn("user", (ToolResult("c", (Text("r"),)),)),
    )
    tools = (Tool({"name": "f"}), Tool({"name": "g"}))
    plan = {"cache_breakpoints": True}
    made, rewrites = chat(*turns, tools=tools, model="claude-sonnet-4", plan=plan)
    assert marks(made) == [False, True, True, True, False, True]
    assert rewrites == ("marked where a prompt cache may begin",)
    assert not any(marks(chat(*turns, tools=tools, plan=plan)[0]))
