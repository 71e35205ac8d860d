"""Calls without results and results without calls never reach upstream (upstream.md 4.1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.reference.canonical import Conversation, Image, Text, ToolCall, ToolResult, Turn
from copilot_api.engine.reference.orphans import NO_RESULT, repair


def call(name: str) -> ToolCall:
    return ToolCall(name, f"tool_{name}", "{}")


def result(call_id: str, text: str = "ok", **members: Any) -> ToolResult:
    return ToolResult(call_id, (Text(text),), **members)


def assistant(*blocks: Any) -> Turn:
    return Turn("assistant", blocks)


def user(*blocks: Any) -> Turn:
    return Turn("user", blocks)


def repaired(*turns: Turn) -> tuple[tuple[Turn, ...], tuple[str, ...]]:
    conversation, changes = repair(Conversation("m", turns))
    return conversation.turns, changes


@pytest.mark.parametrize(
    "turns",
    [
        (user(Text("hi")), assistant(Text("hello"))),
        (assistant(call("a"), call("b")), user(result("b"), result("a"), Text("go on"))),
        (assistant(Text("x"), call("a")), user(result("a")), assistant(call("a")), user(result("a"))),
    ],
)
def test_what_matches_stays_the_same_object(turns: tuple[Turn, ...]) -> None:
    conversation = Conversation("m", turns)
    assert repair(conversation) == (conversation, ())
    assert repair(conversation)[0] is conversation


@pytest.mark.parametrize(
    ("turns", "made"),
    [
        pytest.param(
            (assistant(call("a"), call("b")), user(Text("stop"), result("b"))),
            (
                assistant(call("a"), call("b")),
                user(result("a", NO_RESULT, name="tool_a"), result("b"), Text("stop")),
            ),
            id="one is missing, one stands behind text",
        ),
        pytest.param(
            (assistant(call("a")),),
            (assistant(call("a")), user(result("a", NO_RESULT, name="tool_a"))),
            id="nothing follows",
        ),
        pytest.param(
            (assistant(call("a")), Turn("system", (Text("s"),)), user(Text("t")), user(result("a"))),
            (assistant(call("a")), user(result("a")), Turn("system", (Text("s"),)), user(Text("t"))),
            id="further on",
        ),
        pytest.param(
            (user(Text("hi"), ToolResult("x", (Text("old"), Image("u")))), assistant(Text("y"))),
            (
                user(Text("hi"), Text("Result of an earlier tool call (x):"), Text("old"), Image("u")),
                assistant(Text("y")),
            ),
            id="no call",
        ),
        pytest.param(
            (assistant(call("a")), assistant(call("b")), user(result("a"), result("b"))),
            (assistant(call("a")), user(result("a")), assistant(call("b")), user(result("b"))),
            id="two answers in a row",
        ),
        pytest.param(
            (assistant(call("a"), call("b")), user(result("", "1", name="tool_b"), result("", "2"))),
            (assistant(call("a"), call("b")), user(result("a", "2"), result("b", "1", name="tool_b"))),
            id="by name and order",
        ),
    ],
)
def test_mended(turns: tuple[Turn, ...], made: tuple[Turn, ...]) -> None:
    got, changes = repaired(*turns)
    assert got == made
    assert bool(changes) is all(block.call_id for block in turns[-1].blocks if isinstance(block, ToolResult))


BLOCKS = st.one_of(
    st.builds(lambda n: call(f"c{n}"), st.integers(0, 3)),
    st.builds(lambda n: result(f"c{n}"), st.integers(0, 3)),
    st.builds(Text, st.just("t")),
)


def legal(role: str, blocks: list[Any]) -> Turn:
    kind = ToolResult if role == "assistant" else ToolCall
    seen: set[str] = set()
    kept = []
    for block in blocks:
        if isinstance(block, kind) or (isinstance(block, ToolCall) and block.id in seen):
            continue
        if isinstance(block, ToolCall):
            seen.add(block.id)
        kept.append(block)
    return Turn(role, tuple(kept) or (Text("t"),))  # type: ignore[arg-type]


TURNS = st.lists(
    st.builds(legal, st.sampled_from(["user", "assistant", "system"]), st.lists(BLOCKS, max_size=4)),
    max_size=8,
)


@given(TURNS)
def test_afterwards_every_call_has_its_result_right_behind_it(turns: list[Turn]) -> None:
    got, _ = repaired(*turns)
    open_calls: list[str] = []
    for turn in got:
        results = [block.call_id for block in turn.blocks if isinstance(block, ToolResult)]
        assert sorted(results) == sorted(open_calls)
        assert all(isinstance(block, ToolResult) for block in turn.blocks[: len(results)])
        open_calls = [block.id for block in turn.blocks if isinstance(block, ToolCall)]
    assert not open_calls
    texts = [block for turn in turns for block in turn.blocks if isinstance(block, Text)]
    assert [b for turn in got for b in turn.blocks if isinstance(b, Text) and b.text == "t"] == texts
    assert repair(Conversation("m", got)) == (Conversation("m", got), ())
