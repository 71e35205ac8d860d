"""opencode, the program itself, with each of its three providers for local servers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.conftest import Asked
from tests.clients.running import MODULES, WRITE, Place, installed, run
from tests.support.process import GatewayProcess

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

PROGRAM = MODULES / "opencode-linux-x64/bin/opencode"
"""The program itself; the package around it would install all its variants."""


@pytest.mark.parametrize(
    ("provider", "model", "leg", "tool"),
    [
        ("@ai-sdk/openai-compatible", "gemini-3.1-pro-preview", "/chat/completions", "write"),
        ("@ai-sdk/anthropic", "claude-opus-5", "/v1/messages", "write"),
        # It gives GPT-5 models other tools.
        ("@ai-sdk/openai", "gpt-5.4", "/responses", "bash"),
        ("@ai-sdk/openai", "claude-opus-5", "/v1/messages", "write"),
    ],
)
def test_writes_a_file(
    gateway: GatewayProcess,
    place: Place,
    asked: Callable[[], list[Asked]],
    provider: str,
    model: str,
    leg: str,
    tool: str,
) -> None:
    settings = {
        "autoupdate": False,
        "share": "disabled",
        "provider": {
            "gateway": {
                "npm": provider,
                "name": "gateway",
                "options": {"baseURL": f"{gateway.url}/v1", "apiKey": "dummy"},
                "models": {model: {"name": model}},
            }
        },
    }
    (place.work / "opencode.json").write_text(json.dumps(settings), encoding="utf-8")
    program = installed(PROGRAM, "make test-clients (on Linux, x64)")
    command = [program, "run", "--model", f"gateway/{model}", "--format", "json", WRITE]
    environment = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
    events = [json.loads(line) for line in run(place, command, environment).splitlines()]
    place.check_written()
    uses = [event["part"] for event in events if event["type"] == "tool_use"]
    assert [(use["tool"], use["state"]["status"]) for use in uses] == [(tool, "completed")]
    texts = [event["part"]["text"] for event in events if event["type"] == "text"]
    assert texts[-1].startswith("The tool has answered: ")
    finished = [event["part"] for event in events if event["type"] == "step_finish"]
    assert [step["reason"] for step in finished] == ["tool-calls", "stop"]
    assert all(step["tokens"]["input"] > 1000 and step["tokens"]["output"] > 0 for step in finished)
    # A title is asked for beside the answers.
    requests = asked()
    assert {each.path for each in requests} == {leg}
    assert sorted(each.headers["x-initiator"] for each in requests) == ["agent", "user", "user"]
