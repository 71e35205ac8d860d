"""Facts and refusals (D-H1, D-H2, R-17; initiator by architecture.md 8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import Dialect, InvalidRequest, RequestFacts
from copilot_api.engine.reference.validation import ReferenceValidation

HI = {"role": "user", "content": "hi"}
DIALECTS: tuple[Dialect, ...] = ("chat", "messages", "embeddings")


def inspect(value: Any, dialect: Dialect = "chat") -> RequestFacts:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return ReferenceValidation().inspect(body, dialect)


def facts(dialect: Dialect, *messages: Any, **more: Any) -> RequestFacts:
    return inspect({"model": "m", "messages": list(messages), **more}, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"model":"m","messages":[{"role":"user","content":"x"}]',
        b"\x00",
        b"{'a':1}",
    ],
)
def test_r17_bad_json_is_a_400(body: bytes, dialect: Dialect) -> None:
    with pytest.raises(InvalidRequest) as caught:
        inspect(body, dialect)
    assert caught.value.status == 400


def test_nesting_up_to_the_limit_passes() -> None:
    deep: Any = "x"
    for _ in range(120):
        deep = [deep]
    assert facts("chat", HI, extra=deep).messages == 1


@pytest.mark.parametrize(
    ("value", "dialect", "path"),
    [
        ([], "chat", ""),
        ({}, "chat", "model"),
        ({"model": "m"}, "chat", "messages"),
        ({"model": "m", "messages": [HI, 7]}, "chat", "messages[1]"),
        ({"model": "m", "messages": [{"role": "user", "content": {}}]}, "chat", "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "content": [7]}]}, "chat", "messages[0].content[0]"),
        ({"model": "m", "messages": [{"content": "x"}]}, "messages", "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages", "messages[0].content"),
        (
            {"model": "m", "messages": [{"role": "user", "content": [{"text": "x"}]}]},
            "messages",
            "messages[0].content[0].type",
        ),
        (
            {"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages",
            "messages[0].content[0].text",
        ),
        ({"model": "m", "messages": [], "system": 7}, "messages", "system"),
        ({"model": "m", "messages": [], "tools": {}}, "messages", "tools"),
        ({"model": "m", "messages": [], "tools": [7]}, "messages", "tools[0]"),
        ({"model": "m", "messages": [], "tool_choice": "auto"}, "messages", "tool_choice"),
    ],
)
def test_d_h2_the_member_is_named(value: Any, dialect: Dialect, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        inspect(value, dialect)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("value", "stream"),
    [(True, True), (1, True), ("x", True), ({}, True), ([], True), (0, False), ("", False), (None, False)],
)
def test_stream_is_truthy_as_in_javascript(value: Any, stream: bool) -> None:
    assert facts("chat", HI, stream=value).stream is stream


@pytest.mark.parametrize(
    ("cap", "state"), [({}, "absent"), ({"max_tokens": None}, "null"), ({"max_tokens": 0}, "set")]
)
def test_output_cap(cap: Any, state: str) -> None:
    assert facts("chat", HI, **cap).output_cap == state


RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "x"}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
REMINDER = {"type": "text", "text": "<system-reminder>note</system-reminder>"}


@pytest.mark.parametrize(
    ("dialect", "messages", "initiator"),
    [
        ("chat", [HI], "user"),
        ("chat", [HI, {"role": "assistant", "content": "a"}, HI], "user"),
        ("chat", [HI, {"role": "assistant", "content": "a"}], "agent"),
        ("chat", [HI, {"role": "tool", "content": "a"}], "agent"),
        ("chat", [HI, {"role": "tool", "content": "a"}, {"role": "system", "content": "n"}], "agent"),
        ("messages", [HI], "user"),
        ("messages", [HI, {"role": "assistant", "content": "a"}], "agent"),
        ("messages", [{"role": "user", "content": [RESULT]}], "agent"),
        ("messages", [{"role": "user", "content": [RESULT, PICTURE]}], "agent"),
        ("messages", [{"role": "user", "content": [RESULT, REMINDER]}], "agent"),
        ("messages", [{"role": "user", "content": [RESULT, {"type": "text", "text": "go"}]}], "user"),
        ("messages", [{"role": "user", "content": [RESULT]}, {"role": "system", "content": "n"}], "agent"),
        ("messages", [], "user"),
    ],
)
def test_d_h20_initiator_by_the_last_turn(dialect: Dialect, messages: list[Any], initiator: str) -> None:
    found = facts(dialect, *messages)
    assert found.initiator == initiator
    assert found.initiator_reason


@pytest.mark.parametrize(
    ("dialect", "content", "vision"),
    [
        ("chat", [{"type": "image_url", "image_url": {"url": "x"}}], True),
        ("chat", [{"type": "text", "text": "image_url"}], False),
        ("messages", [PICTURE], True),
        ("messages", [{**RESULT, "content": [PICTURE]}], True),
        ("messages", [RESULT], False),
    ],
)
def test_pictures_are_found_wherever_they_are(dialect: Dialect, content: Any, vision: bool) -> None:
    assert facts(dialect, {"role": "user", "content": content}).vision is vision


def test_mcp_tools_are_seen() -> None:
    found = facts("messages", HI, tools=[{"name": "mcp__a"}, {"name": "b"}])
    assert (found.tools, found.has_mcp_tool) == (2, True)


def test_embeddings_take_any_json() -> None:
    assert inspect({"model": "e", "input": 1}, "embeddings").model == "e"
    assert inspect([1], "embeddings").model == ""
