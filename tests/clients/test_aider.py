"""aider, the program itself: its edits are text, over OpenAI's chat format and Anthropic's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.conftest import Asked
from tests.clients.running import CONTENT, Place, from_pip, run
from tests.support.process import GatewayProcess

pytestmark = [pytest.mark.aider, pytest.mark.timeout(300)]

FLAGS = ("--edit-format", "whole", "--no-git", "--yes-always", "--no-check-update", "--no-analytics")
QUIET = ("--no-show-model-warnings", "--no-show-release-notes", "--no-detect-urls", "--no-pretty")


@pytest.mark.parametrize(
    ("model", "leg", "streamed"),
    [
        ("openai/gpt-5.4", "/responses", "--stream"),
        ("openai/gpt-5.4", "/responses", "--no-stream"),
        ("openai/claude-opus-5", "/v1/messages", "--stream"),
        ("openai/gemini-3.1-pro-preview", "/chat/completions", "--stream"),
        ("anthropic/claude-opus-5", "/v1/messages", "--stream"),
        ("anthropic/claude-sonnet-4", "/chat/completions", "--no-stream"),
    ],
)
def test_edits_a_file(
    gateway: GatewayProcess,
    place: Place,
    asked: Callable[[], list[Asked]],
    model: str,
    leg: str,
    streamed: str,
) -> None:
    (place.work / "hello.txt").write_text("old\n", encoding="utf-8")
    # With a list of prices at hand it does not look for one on the internet.
    prices = place.home / ".aider/caches/model_prices_and_context_window.json"
    prices.parent.mkdir(parents=True)
    prices.write_text('{"none": {}}', encoding="utf-8")
    environment = {
        "OPENAI_API_BASE": f"{gateway.url}/v1",
        "OPENAI_API_KEY": "dummy",
        "ANTHROPIC_API_BASE": gateway.url,
        "ANTHROPIC_API_KEY": "dummy",
        "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    }
    prompt = f"Make the file hello.txt anew with the content: {CONTENT}"
    command = [from_pip("aider", "aider"), "--model", model, "--weak-model", model, streamed, *FLAGS, *QUIET]
    printed = run(place, [*command, "--message", prompt, "hello.txt"], environment)
    place.check_written()
    assert "Applied edit to hello.txt" in printed
    (only,) = asked()
    assert only.path == leg
    assert bool(only.body.get("stream")) == (streamed == "--stream")
