"""Claude's reasoning through foreign clients and back: block for block what Claude's endpoint gave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import AnswerPlan, RequestPlan
from tests.support.messages import TRANSLATION

MODEL = "claude-opus-4.6"
CALL = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"zone": "UTC"}}
THINKING = {"type": "thinking", "thinking": "They want the time.", "signature": "c2ln+/=="}
SILENT = {"type": "thinking", "thinking": "", "signature": "c2lsZW50"}
REDACTED = {"type": "redacted_thinking", "data": "eHg="}


def answered(dialect: Any, content: list[dict[str, Any]]) -> dict[str, Any]:
    """What a client of the dialect gets for an answer of Claude's."""
    message = {"id": "msg_1", "model": "c", "content": content, "stop_reason": "tool_use", "usage": {}}
    plan = AnswerPlan(dialect, "messages", reasoning=True, model=MODEL)
    value: dict[str, Any] = json.loads(TRANSLATION.answer(json.dumps(message).encode(), plan).body)
    return value


def asked(dialect: Any, request: dict[str, Any], model: str = MODEL) -> list[dict[str, Any]]:
    """The assistant's turn that Claude gets back."""
    plan = RequestPlan(dialect, "messages", target=model)
    made = json.loads(TRANSLATION.request(json.dumps(request).encode(), plan).body)
    turn: list[dict[str, Any]] = made["messages"][1]["content"]
    return turn


def chat(content: list[dict[str, Any]]) -> dict[str, Any]:
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "12:00"}
    message = answered("chat", content)["choices"][0]["message"]
    return {"model": MODEL, "messages": [{"role": "user", "content": "time?"}, message, result]}


def responses(content: list[dict[str, Any]]) -> dict[str, Any]:
    result = {"type": "function_call_output", "call_id": "toolu_1", "output": "12:00"}
    items = answered("responses", content)["output"]
    return {"model": MODEL, "input": [{"role": "user", "content": "time?"}, *items, result]}


CONTENTS = [[THINKING, CALL], [SILENT, CALL], [REDACTED, CALL], [THINKING, REDACTED, CALL]]


@pytest.mark.parametrize("content", CONTENTS, ids=["thinking", "silent", "redacted", "both"])
@pytest.mark.parametrize(("dialect", "client"), [("chat", chat), ("responses", responses)])
def test_reasoning_comes_back_as_it_was(dialect: str, client: Any, content: list[dict[str, Any]]) -> None:
    assert asked(dialect, client(content)) == content


@pytest.mark.parametrize(("dialect", "client"), [("chat", chat), ("responses", responses)])
def test_another_model_does_not_get_it(dialect: str, client: Any) -> None:
    assert asked(dialect, client([THINKING, CALL]), "claude-sonnet-4.6") == [CALL]
