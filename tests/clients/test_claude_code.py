"""Claude Code, the program itself: Anthropic's format over each leg."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import Asked
from tests.clients.running import WRITE, Place, from_npm, run
from tests.support.process import GatewayProcess

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

LEGS = {
    "claude-opus-5": "/v1/messages",
    "claude-sonnet-4.6": "/v1/messages",
    "claude-haiku-4.5": "/v1/messages",
    "gpt-5.4": "/responses",
    "gemini-3.1-pro-preview": "/chat/completions",
    "gpt-4.1": "/chat/completions",
}

Claude = Callable[..., dict[str, Any]]


@pytest.fixture
def claude(gateway: GatewayProcess, place: Place) -> Claude:
    """Runs `claude -p`; returns its result."""

    def ran(model: str, prompt: str, *arguments: str) -> dict[str, Any]:
        environment = {
            "ANTHROPIC_BASE_URL": gateway.url,
            "ANTHROPIC_AUTH_TOKEN": "dummy",
            "ANTHROPIC_MODEL": model,
            "ANTHROPIC_DEFAULT_SONNET_MODEL": model,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4.5",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        }
        command = [from_npm("claude"), "-p", prompt, "--output-format", "json"]
        printed = run(place, [*command, "--dangerously-skip-permissions", *arguments], environment)
        result: dict[str, Any] = json.loads(printed)
        assert not result["is_error"], printed
        assert result["usage"]["output_tokens"] > 0
        return result

    return ran


def test_answers_a_prompt(claude: Claude, asked: Callable[[], list[Asked]]) -> None:
    result = claude("claude-sonnet-4.6", "Say something about Lisbon.")
    assert "Lisbon" in result["result"]
    assert {each.path for each in asked()} == {"/v1/messages"}


@pytest.mark.parametrize("model", LEGS)
def test_writes_a_file(claude: Claude, place: Place, asked: Callable[[], list[Asked]], model: str) -> None:
    result = claude(model, WRITE)
    place.check_written()
    assert result["result"].startswith("The tool has answered: ")
    assert [(each.path, each.headers["x-initiator"]) for each in asked()] == [
        (LEGS[model], "user"),
        (LEGS[model], "agent"),
    ]


def test_thinking_goes_back_with_its_signature(claude: Claude, asked: Callable[[], list[Asked]]) -> None:
    claude("claude-opus-5", WRITE)
    turn = next(each for each in asked()[1].body["messages"] if each["role"] == "assistant")
    assert [block["type"] for block in turn["content"]] == ["thinking", "text", "tool_use"]


def test_a_conversation_is_continued(claude: Claude, asked: Callable[[], list[Asked]]) -> None:
    claude("gpt-5.4", WRITE)
    result = claude("gpt-5.4", "And now say Lisbon.", "--continue")
    assert "Lisbon" in result["result"]
    sent = json.dumps(asked()[-1].body)
    for text in (WRITE, "The tool has answered", "And now say Lisbon."):
        assert text in sent
