"""Gemini CLI, the program itself: Google's format over each leg."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.conftest import Asked
from tests.clients.running import WRITE, Place, from_npm, run
from tests.support.process import GatewayProcess

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

# Without the type of sign-in the base URL chooses one that headless mode refuses.
SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
}


@pytest.mark.parametrize(
    ("model", "leg"),
    [
        ("gemini-3.1-pro-preview", "/chat/completions"),
        ("claude-opus-5", "/v1/messages"),
        ("gpt-5.4", "/responses"),
    ],
)
def test_writes_a_file(
    gateway: GatewayProcess, place: Place, asked: Callable[[], list[Asked]], model: str, leg: str
) -> None:
    folder = place.home / ".gemini"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    environment = {
        "GOOGLE_GEMINI_BASE_URL": gateway.url,
        "GEMINI_API_KEY": "dummy",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }
    command = [from_npm("gemini"), "-m", model, "--yolo", "--output-format", "json", "-p", WRITE]
    result = json.loads(run(place, command, environment))
    place.check_written()
    assert result["response"].startswith("The tool has answered: Successfully created")
    assert result["stats"]["tools"]["byName"]["write_file"]["success"] == 1
    (used,) = result["stats"]["models"].values()
    assert used["api"]["totalErrors"] == 0
    assert used["tokens"]["prompt"] > 1000
    assert used["tokens"]["candidates"] > 0
    requests = asked()
    assert {each.path for each in requests} == {leg}
    # What a model refuses in the first request is left out of it and of all that follow.
    initiators = [each.headers["x-initiator"] for each in requests]
    assert initiators == ["user"] * (len(requests) - 1) + ["agent"]
