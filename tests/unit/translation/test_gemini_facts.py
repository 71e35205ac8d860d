"""What the gateway learns of a Google request (upstream.md 2.5, 10.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, RequestFacts
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.support.gemini import asked, call, response

PICTURE = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}


def facts(request: Any) -> RequestFacts:
    return ReferenceValidation().inspect(json.dumps(request).encode(), "gemini")


def test_a_plain_request() -> None:
    found = facts(asked("hi"))
    assert (found.dialect, found.model, found.stream) == ("gemini", "", False)
    assert (found.messages, found.tools, found.output_cap, found.reasoning) == (1, 0, "absent", False)
    assert (found.initiator, found.initiator_reason) == ("user", "last content is the user's")
    assert not found.vision
    assert not found.has_mcp_tool


@pytest.mark.parametrize(
    ("contents", "initiator"),
    [
        (["hi"], "user"),
        ([("user", PICTURE, "what is it?")], "user"),
        ([("model", call("a")), ("user", response("a", {}))], "agent"),
        ([("model", call("a")), ("user", response("a", {}), "and this")], "agent"),
        ([("model", call("a")), ("function", response("a", {})), "thanks"], "user"),
        ([("user", "hi"), ("model", "hello")], "agent"),
        ([("user", PICTURE)], "agent"),
    ],
)
def test_the_initiator_is_judged_by_the_last_content(contents: list[Any], initiator: str) -> None:
    assert facts(asked(*contents)).initiator == initiator


@pytest.mark.parametrize(
    ("part", "vision"),
    [
        (PICTURE, True),
        ({"inline_data": {"mime_type": "image/webp", "data": "AAAA"}}, True),
        ({"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}, True),
        ({"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}}, False),
        (response("a", {}, parts=[PICTURE]), True),
        (response("a", {"inlineData": {"mimeType": "image/png"}}), False),
        ({"text": "inlineData image/png"}, False),
    ],
)
def test_pictures_are_seen(part: dict[str, Any], vision: bool) -> None:
    assert facts(asked(("model", call("a")), ("user", part))).vision is vision


def test_tools_cap_and_thinking() -> None:
    request = asked(
        "hi",
        tools=[{"functionDeclarations": [{"name": "mcp__a"}, {"name": "b"}]}, {"googleSearch": {}}],
        generationConfig={"maxOutputTokens": 5, "thinkingConfig": {"thinkingLevel": "LOW"}},
    )
    found = facts(request)
    assert (found.tools, found.output_cap, found.reasoning, found.has_mcp_tool) == (2, "set", True, True)


@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        ({"thinkingBudget": 0}, False),
        ({"thinkingBudget": -1}, True),
        ({"thinkingBudget": 100}, True),
        ({"includeThoughts": True}, True),
        ({"includeThoughts": False}, False),
    ],
)
def test_reasoning(thinking: dict[str, Any], reasoning: bool) -> None:
    assert facts(asked("hi", generationConfig={"thinkingConfig": thinking})).reasoning is reasoning


def test_count_tokens_bodies() -> None:
    assert facts({"generateContentRequest": asked("a", ("model", "b"))}).messages == 2


@pytest.mark.parametrize("body", [[], "x", {}, {"contents": []}, {"contents": [{"role": "assistant"}]}])
def test_bodies_that_are_no_request(body: Any) -> None:
    with pytest.raises(InvalidRequest):
        facts(body)
