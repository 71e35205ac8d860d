"""Names of tools fit upstream, everywhere in a request, and come back as the client's."""

from __future__ import annotations

import re

import pytest

from copilot_api.engine.reference import tool_names
from copilot_api.engine.reference.canonical import Conversation, Text, Tool, ToolCall, ToolResult, Turn

LONG = "mcp__" + "x" * 80


@pytest.mark.parametrize("name", ["a", "get_weather-2", "x" * 64])
def test_legal_names_stay(name: str) -> None:
    assert tool_names.fitting(name) == name


@pytest.mark.parametrize("name", [LONG, "x" * 65, "a.b", "w\u00f6rter", "a b", "\ud800", "a\n", "\U0001f600"])
def test_other_names_become_legal(name: str) -> None:
    made = tool_names.fitting(name)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", made)
    assert made == tool_names.fitting(name)


def test_each_character_becomes_one_and_the_digest_is_of_the_whole_name() -> None:
    assert tool_names.fitting("a.b") == "a_b_2e7336dc"
    assert tool_names.fitting("a.b") != tool_names.fitting("a:b")
    assert tool_names.fitting(LONG + "1")[:55] == tool_names.fitting(LONG + "2")[:55] == LONG[:55]
    assert tool_names.fitting(LONG + "1") != tool_names.fitting(LONG + "2")
    assert len(tool_names.fitting("\U0001f600")) == len("_") + 9


def test_a_conversation_without_such_names_is_left_alone() -> None:
    conversation = Conversation("m", (), tools=(Tool({"name": "a"}), Tool({"name": 5}), Tool({})))
    fitted, names, rewrites = tool_names.fit(conversation)
    assert fitted is conversation
    assert (names, rewrites) == ({}, ())


def test_a_name_is_changed_wherever_it_stands() -> None:
    conversation = Conversation(
        "m",
        (
            Turn("assistant", (Text("a.b"), ToolCall("1", "a.b", "{}"), ToolCall("2", "gone!", "{}"))),
            Turn("user", (ToolResult("1", (Text("a.b"),), name="a.b"), ToolResult("2", (), name="fine"))),
        ),
        tools=(Tool({"name": "a.b", "description": "a.b"}), Tool({"name": "fine"})),
        tool_choice={"type": "function", "function": {"name": "a.b"}},
    )
    fitted, names, rewrites = tool_names.fit(conversation)
    short, gone = tool_names.fitting("a.b"), tool_names.fitting("gone!")
    assert fitted == Conversation(
        "m",
        (
            Turn("assistant", (Text("a.b"), ToolCall("1", short, "{}"), ToolCall("2", gone, "{}"))),
            Turn("user", (ToolResult("1", (Text("a.b"),), name=short), ToolResult("2", (), name="fine"))),
        ),
        tools=(Tool({"name": short, "description": "a.b"}), Tool({"name": "fine"})),
        tool_choice={"type": "function", "function": {"name": short}},
    )
    assert names == {short: "a.b", gone: "gone!"}
    assert rewrites == (f"tool a.b sent as {short}", f"tool gone! sent as {gone}")


@pytest.mark.parametrize(
    "choice", ["auto", None, {"type": "function"}, {"function": {"name": 1}}, {"function": []}]
)
def test_other_choices_stay(choice: object) -> None:
    conversation = Conversation("m", (), tools=(Tool({"name": "a.b"}),), tool_choice=choice)
    assert tool_names.fit(conversation)[0].tool_choice == choice


def test_what_is_said_of_a_name_can_be_printed() -> None:
    conversation = Conversation("m", (), tools=(Tool({"name": "\ud800"}),))
    assert tool_names.fit(conversation)[2] == (f"tool \ufffd sent as {tool_names.fitting(chr(0xD800))}",)
